/**
 * One call in flight on a connection: updates and outcome that were not taken yet, and its deadlines. The connection
 * adds updates, the reply of the call takes them. Bounded: a server that floods a call ends it.
 */
import { detachedText } from '../../base/detached-text.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Holder, Transfer } from '../../base/transfers.ts'
import { Wakeup } from '../../base/wakeup.ts'
import type { Call, Outcome, Update } from '../../protocol/call.ts'
import { editMembers, type RawObject } from '../../protocol/json-text.ts'
import { jsonWeight } from '../../protocol/json-weight.ts'
import { errorAnswer } from '../../protocol/jsonrpc.ts'
import type { WorkerCall } from '../worker.ts'

/** How many updates may wait, and their characters; more end the call. */
const maxUpdates = 1000
const maxChars = 1024 * 1024
/** From here on the worker is held back, if it can be: low enough for what it has already written to find room. */
const fullUpdates = 250
const fullChars = 256 * 1024
/** Up to here waiting updates are not counted as memory: they are usually taken at once. */
const fewUpdates = 16
const fewChars = 16 * 1024

export class PendingCall implements WorkerCall {
  readonly call: Call
  /** Our id on the wire, and our progress token. */
  readonly id: number
  /** When the call ends for lack of progress; each update moves it. */
  idleAtMs: number
  /** When the call ends at the latest; moved by the time that clients take to answer input requests. */
  endAtMs: number
  /** Input requests that wait for the client: meanwhile the deadlines do not apply. */
  openInputRequests = 0
  /** Whether the worker may be held back while updates are not taken: it has no other call. */
  mayHold = false
  #askedAtMs = 0
  /** The last progress value, to keep it rising as the specification demands. */
  #progress: number = Number.NEGATIVE_INFINITY
  /** Called when all waiting updates were taken, while the worker is held back. */
  onEmpty: (() => void) | undefined
  #updates: Update[] = []
  #chars = 0
  readonly #holder: Pick<Holder, 'transfer'>
  /** The memory of waiting updates and of a large outcome. */
  #waiting: Transfer | undefined
  #outcome: Outcome | undefined
  #failure: Refusal | undefined
  readonly #wakeup = new Wakeup()

  /** @param holder counts the memory of what waits */
  constructor(call: Call, id: number, idleAtMs: number, endAtMs: number, holder: Pick<Holder, 'transfer'>) {
    this.#holder = holder
    this.call = call
    this.id = id
    this.idleAtMs = idleAtMs
    this.endAtMs = endAtMs
  }

  get ended(): boolean {
    return this.#outcome !== undefined || this.#failure !== undefined
  }

  /** Whether so much waits that the worker should be held back. */
  get isFull(): boolean {
    return this.#updates.length >= fullUpdates || this.#chars >= fullChars
  }

  /** An input request begins to wait for the client. */
  asked(nowMs: number): void {
    if (this.openInputRequests++ === 0) this.#askedAtMs = nowMs
  }

  /** An input request was answered or withdrawn. */
  answered(nowMs: number): void {
    if (--this.openInputRequests > 0) return
    this.endAtMs += nowMs - this.#askedAtMs
    this.idleAtMs += nowMs - this.#askedAtMs
  }

  /** Adds an update; false if too much waits already. */
  offer(update: Update): boolean {
    if (this.ended) return true
    if (this.#updates.length >= maxUpdates || this.#chars >= maxChars) return false
    // The reply does not wait for updates now, so this one may stay long.
    const kept = this.#wakeup.isAwaited ? update : ownUpdate(update)
    if (this.#updates.length >= fewUpdates || this.#chars >= fewChars) this.#wait(weightOf(kept))
    this.#updates.push(kept)
    this.#chars += lengthOf(kept)
    this.#wakeup.notify()
    return true
  }

  /**
   * Progress with the client's own token. Undefined if it did not ask for any, or if the value does not rise.
   * [utilities, progress]
   */
  ownProgress(params: RawObject): RawObject | undefined {
    const token = this.call.progressToken
    const progress = params.value['progress']
    if (token === undefined || typeof progress !== 'number' || progress <= this.#progress) return undefined
    this.#progress = progress
    const value = { ...params.value, progressToken: JSON.parse(token) as string | number }
    return { value, text: editMembers(params.text, { progressToken: token }) }
  }

  /** @param bytes the memory that a large outcome takes; 0 for small ones */
  settle(outcome: Outcome, bytes = 0): void {
    if (this.ended) return
    this.#outcome = outcome
    if (bytes > 0) this.#wait(bytes)
    this.#wakeup.notify()
  }

  #wait(bytes: number): void {
    this.#waiting ??= this.#holder.transfer(() => this.#giveUp())
    this.#waiting.add(bytes)
  }

  /** The memory is needed elsewhere: drops what was not taken and ends the call. */
  #giveUp(): void {
    this.#dropUpdates()
    this.#outcome = undefined
    const message = 'What the call said was not taken, and there was no more memory for it. The call may have run.'
    this.#failure ??= new Refusal('overloaded', { message, data: { executed: 'unknown' } })
    this.#wakeup.notify()
  }

  /** Ends the call by a refusal; updates before it are still delivered. */
  fail(refusal: Refusal): void {
    if (this.ended) return
    this.#failure = refusal
    this.#wakeup.notify()
  }

  /** Takes the next waiting update. */
  take(): Update | undefined {
    const update = this.#updates.shift()
    if (update) {
      this.#chars -= lengthOf(update)
      this.#waiting?.noteProgress(lengthOf(update))
    }
    if (this.#updates.length === 0) {
      this.onEmpty?.()
      if (!this.#outcome) this.#endWaiting()
    }
    return update
  }

  #endWaiting(): void {
    this.#waiting?.end()
    this.#waiting = undefined
  }

  /** Nothing is taken any more: waiting input requests are answered with an error. */
  abandon(): void {
    this.#dropUpdates()
    this.#endWaiting()
  }

  #dropUpdates(): void {
    this.#chars = 0
    for (const update of this.#updates.splice(0)) {
      if (update.kind === 'input_request') update.answer(errorAnswer(-32603, 'The call is over'))
    }
  }

  /** How the call ended, if it has. Throws the refusal that ended it. */
  outcome(): Outcome | undefined {
    if (this.#failure) throw this.#failure
    return this.#outcome
  }

  /** Resolves with the next change. One waiter at a time. */
  changed(): Promise<unknown> {
    return this.#wakeup.next()
  }
}

function lengthOf({ params }: Update): number {
  return params?.text.length ?? 0
}

/** The memory of a waiting update, in bytes. */
function weightOf({ params }: Update): number {
  return params === undefined ? 0 : jsonWeight(params.text)
}

/** Copies the text of an update, which may be a slice of a larger chunk: what waits must not keep that chunk. */
function ownUpdate(update: Update): Update {
  const { params } = update
  return params === undefined ? update : { ...update, params: { ...params, text: detachedText(params.text) } }
}
