/**
 * Routes responses of a server to the requests in flight: calls, and requests of our own. A response with an id goes to
 * the request of that id. One without goes to the only request in flight, if there is exactly one and the worker has
 * worked for no other client. An invalid response ends its request at once, and the operator is told what is wrong.
 */
import type { Clock, Timer } from '../../base/clock.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Outcome } from '../../protocol/call.ts'
import type { Answer, ResponseMessage } from '../../protocol/jsonrpc.ts'
import { idAtEdges } from '../../protocol/lost-answer.ts'
import { type BadMessage, numberOf } from '../../protocol/server-message.ts'
import type { InternalRequests } from './internal-requests.ts'
import type { PendingCall } from './pending-call.ts'
import type { PendingCalls } from './pending-calls.ts'

export interface ResponseRoutingNeeds {
  readonly pendingCalls: PendingCalls
  readonly internalRequests: InternalRequests
  readonly clock: Clock
  /** The era and the id of the worker, for the outcome of a call. */
  readonly client: () => Omit<Outcome, 'answer'>
  /** Whether a response without an id may belong to a client that has no call in flight. */
  readonly mayMeanOther: () => boolean
  /** A response was invalid. @param words for the operator */
  readonly invalid: (words: string) => void
  /** A line that answers no request was dropped. */
  readonly drop: (what: 'stdout_line' | 'response') => void
}

/** A request in flight. */
interface Pending {
  readonly method: string
  readonly id: number
  /** Undefined for a request of our own. */
  readonly call: PendingCall | undefined
}

const edgeChars = 256
/** An error without an id may answer a notification: how long to wait for another response to the request. */
const doubtMs = 2000
/** Invalid responses of one worker that are reported; further ones add nothing. */
const maxTold = 10

export class ResponseRouting {
  readonly #needs: ResponseRoutingNeeds
  /** Requests from this id on were sent after the last notification; undefined once one of them was answered. */
  #notifiedBefore: number | undefined
  #doubt: { readonly pending: Pending; readonly answer: Answer; readonly timer: Timer } | undefined
  #told = 0

  constructor(needs: ResponseRoutingNeeds) {
    this.#needs = needs
  }

  /** A notification was sent: some servers answer it with an error without an id. */
  notified(): void {
    this.#notifiedBefore = this.#needs.pendingCalls.nextFrom
  }

  /** @param bytes the memory that a large response takes; 0 for small ones */
  take(message: ResponseMessage, bytes: number): void {
    if (message.id === undefined) return this.#unnamed(message.answer)
    const id = numberOf(message.id)
    if (this.#notifiedBefore !== undefined && id >= this.#notifiedBefore) this.#notifiedBefore = undefined
    const pending = this.#needs.pendingCalls.get(id)
    if (pending) return pending.settle({ answer: message.answer, ...this.#needs.client() }, bytes)
    if (!this.#needs.internalRequests.answer(id, message.answer)) this.#needs.drop('response')
  }

  /** An invalid response still ends its request. */
  malformed(message: BadMessage): void {
    const { id, fault, shape } = message
    const pending = id === undefined ? (message.isAnswer ? this.#only() : undefined) : this.#named(numberOf(id))
    if (pending) this.#refuse(pending, fault, shape)
    else this.#needs.drop('stdout_line')
  }

  /** A line that is not JSON: it ends the request whose id stands where a response has it. */
  unreadable(text: string): void {
    const id = idAtEdges(text.slice(0, edgeChars), text.slice(-edgeChars))
    const pending = id === undefined ? undefined : this.#named(id)
    if (pending) this.#refuse(pending, 'it is not JSON', `${text.length} characters`)
    else this.#needs.drop('stdout_line')
  }

  /** A response was too large. @param id undefined if its id could not be read */
  lost(id: number | undefined, refusal: Refusal): void {
    const pending = id === undefined ? this.#only() : this.#named(id)
    if (pending) this.#fail(pending, refusal)
    else this.#needs.drop('response')
  }

  /** The connection is over. */
  close(): void {
    this.#doubt?.timer.stop()
    this.#doubt = undefined
  }

  #named(id: number): Pending | undefined {
    const call = this.#needs.pendingCalls.get(id)
    const method = call?.call.method ?? this.#needs.internalRequests.methodOf(id)
    return method === undefined ? undefined : { id, method, call }
  }

  /** The only request in flight, if a response without an id must belong to it. */
  #only(): Pending | undefined {
    if (this.#needs.mayMeanOther()) return undefined
    const found = [...this.#needs.internalRequests.waiting()]
    for (const pending of this.#needs.pendingCalls.all()) if (!pending.ended) found.push(pending.id)
    const [id] = found
    return id === undefined || found.length > 1 ? undefined : this.#named(id)
  }

  /** Ends a request. The words are logged, and so have no text of the server: it may be a result. */
  #refuse(pending: Pending, fault: string, shape: string): void {
    const words = `the answer to ${pending.method} is not valid (${fault}): ${shape}`
    if (this.#told++ < maxTold) this.#needs.invalid(words)
    this.#fail(pending, new Refusal('upstream_invalid', { cause: new Error(words) }))
  }

  #fail({ id, call }: Pending, refusal: Refusal): void {
    if (call) call.fail(refusal)
    else this.#needs.internalRequests.fail(id, refusal)
  }

  #settle({ id, call }: Pending, answer: Answer): void {
    if (call) call.settle({ answer, ...this.#needs.client() })
    else this.#needs.internalRequests.answer(id, answer)
  }

  /** An error without an id. After a notification it may answer that: then another response is awaited for a while. */
  #unnamed(answer: Answer): void {
    const doubt = this.#doubt
    const pending = this.#only()
    if (!pending) return this.#needs.drop('response')
    if (this.#notifiedBefore === undefined || doubt) {
      // Of two such errors, one answers the notification.
      this.close()
      return this.#settle(pending, answer)
    }
    const idleAtMs = pending.call?.idleAtMs
    const timer = this.#needs.clock.after(doubtMs, () => {
      this.#doubt = undefined
      this.#notifiedBefore = undefined
      const hasProgressed =
        pending.call !== undefined && (pending.call.idleAtMs !== idleAtMs || pending.call.openInputRequests > 0)
      if (!hasProgressed && this.#named(pending.id)) this.#settle(pending, answer)
    })
    this.#doubt = { pending, answer, timer }
  }
}
