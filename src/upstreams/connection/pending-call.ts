/**
 * One call in flight on an upstream connection: what has come back and was not taken yet, and its deadlines.
 * The connection fills it, the call's reply empties it. Bounded: a server that floods ends its own call.
 */
import { detachedText } from '../../base/detached-text.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Holder, Transfer } from '../../base/transfers.ts'
import type { Call, Outcome, Update } from '../../protocol/call.ts'
import { editMembers, type RawObject } from '../../protocol/json-text.ts'
import { jsonWeight } from '../../protocol/json-weight.ts'
import { errorAnswer } from '../../protocol/jsonrpc.ts'

/** What may wait to be taken. */
const maxUpdates = 1000
const maxChars = 1024 * 1024
/** Where the process is held back, if it can be: low enough for what it has written by then to find room. */
const fullUpdates = 250
const fullChars = 256 * 1024
/** What is not counted: a breath of a server that goes on to be heard. */
const fewUpdates = 16
const fewChars = 16 * 1024

export class PendingCall {
  readonly call: Call
  /** Our id on the wire, and our progress token. */
  readonly id: number
  /** When the call ends for want of progress; moved on by whatever comes back. */
  idleAtMs: number
  /** When the call ends at the latest; the time that people take to answer does not count. */
  endAtMs: number
  /** Questions to the client that wait for an answer: people are slow, so the deadlines rest. */
  openAsks = 0
  /** Whether the process may be held back while nobody takes what it says: it works for nobody else. */
  mayHold = false
  #askedAtMs = 0
  /** The last progress value, to keep it rising as the specification demands. */
  #progress: number = Number.NEGATIVE_INFINITY
  /** Called when all that waited was taken, while the process is held back. */
  onEmpty: (() => void) | undefined
  #updates: Update[] = []
  #chars = 0
  readonly #holder: Pick<Holder, 'transfer'>
  /** What waits because nobody came for it. */
  #waiting: Transfer | undefined
  #outcome: Outcome | undefined
  #failure: Refusal | undefined
  #wake: (() => void) | undefined

  /** @param holder counts what waits to be taken */
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

  /** Whether so much waits that the process should say no more for now. */
  get isFull(): boolean {
    return this.#updates.length >= fullUpdates || this.#chars >= fullChars
  }

  /** A question to the client begins to wait for its answer. */
  asked(nowMs: number): void {
    if (this.openAsks++ === 0) this.#askedAtMs = nowMs
  }

  /** A question was answered, or is no longer asked. */
  answered(nowMs: number): void {
    if (--this.openAsks > 0) return
    this.endAtMs += nowMs - this.#askedAtMs
    this.idleAtMs += nowMs - this.#askedAtMs
  }

  /** Adds an update; false if there is too much that nobody took. */
  offer(update: Update): boolean {
    if (this.ended) return true
    if (this.#updates.length >= maxUpdates || this.#chars >= maxChars) return false
    // Nobody came for the one before: this one may wait for long.
    const kept = this.#wake ? update : ownUpdate(update)
    if (this.#updates.length >= fewUpdates || this.#chars >= fewChars) this.#wait(weightOf(kept))
    this.#updates.push(kept)
    this.#chars += lengthOf(kept)
    this.#notify()
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

  /** @param bytes what it takes, if that is much */
  settle(outcome: Outcome, bytes = 0): void {
    if (this.ended) return
    this.#outcome = outcome
    if (bytes > 0) this.#wait(bytes)
    this.#notify()
  }

  #wait(bytes: number): void {
    this.#waiting ??= this.#holder.transfer(() => this.#giveUp())
    this.#waiting.add(bytes)
  }

  /** Others need the memory more than who does not come for it. */
  #giveUp(): void {
    this.#dropUpdates()
    this.#outcome = undefined
    const message = 'What the call said was not taken, and there was no more memory for it. The call may have run.'
    this.#failure ??= new Refusal('overloaded', { message, data: { executed: 'unknown' } })
    this.#notify()
  }

  /** Ends the call by a refusal: what came before it is still delivered. */
  fail(refusal: Refusal): void {
    if (this.ended) return
    this.#failure = refusal
    this.#notify()
  }

  #notify(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  /** The next update that nobody took. */
  take(): Update | undefined {
    const update = this.#updates.shift()
    if (update) {
      this.#chars -= lengthOf(update)
      this.#waiting?.moved(lengthOf(update))
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

  /** Nobody takes any more: questions among what is left get an answer all the same. */
  abandon(): void {
    this.#dropUpdates()
    this.#endWaiting()
  }

  #dropUpdates(): void {
    this.#chars = 0
    for (const update of this.#updates.splice(0)) {
      if (update.kind === 'ask') update.answer(errorAnswer(-32603, 'The call is over'))
    }
  }

  /** How the call ended, if it has. Throws the refusal that ended it. */
  outcome(): Outcome | undefined {
    if (this.#failure) throw this.#failure
    return this.#outcome
  }

  /** Resolves with the next change. One waiter at a time. */
  changed(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve))
  }
}

function lengthOf({ params }: Update): number {
  return params?.text.length ?? 0
}

/** What it takes while it waits. */
function weightOf({ params }: Update): number {
  return params === undefined ? 0 : jsonWeight(params.text)
}

/** The text of an update may be a part of the chunk that it came in: what waits must not keep all of that. */
function ownUpdate(update: Update): Update {
  const { params } = update
  return params === undefined ? update : { ...update, params: { ...params, text: detachedText(params.text) } }
}
