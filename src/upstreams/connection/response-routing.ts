/**
 * The way of a server's answers to the requests that they answer: calls, and requests of our own. An answer that names
 * its request goes there. What names none goes to the only request in flight, if there is exactly one and the process
 * has worked for no other client. An answer that is none ends its request at once, and the operator is told what was wrong.
 */
import type { Clock, Timer } from '../../base/clock.ts'
import { terminalSafeLine } from '../../base/terminal-safe.ts'
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
  /** Who has answered a call, as its outcome tells it. */
  readonly client: () => Omit<Outcome, 'answer'>
  /** Whether what names no request may be for another client than those whose calls are in flight. */
  readonly mayMeanOther: () => boolean
  /** Told of an answer that could not be taken, in words for the operator. */
  readonly invalid: (words: string) => void
  /** Something was said that answers nothing. */
  readonly drop: (what: 'stdout_line' | 'response') => void
}

/** What is in flight and can be ended. */
interface Pending {
  readonly method: string
  readonly id: number
  /** The call, if it is one. */
  readonly call: PendingCall | undefined
}

const maxQuoteChars = 300
const edgeChars = 256
/** How long an error that could answer a notification as well waits for another answer to the request. */
const doubtMs = 2000
/** More words about one process are not told: it will not become better. */
const maxTold = 10

export class ResponseRouting {
  readonly #needs: ResponseRoutingNeeds
  /** Requests with this id or a greater one were sent after the last notification; undefined once one of them was answered. */
  #notifiedBefore: number | undefined
  #doubt: { readonly pending: Pending; readonly answer: Answer; readonly timer: Timer } | undefined
  #told = 0

  constructor(needs: ResponseRoutingNeeds) {
    this.#needs = needs
  }

  /** A notification was sent: some servers answer it, with an error that names no request. */
  notified(): void {
    this.#notifiedBefore = this.#needs.pendingCalls.nextFrom
  }

  /** @param bytes what the answer takes, if that is much */
  take(message: ResponseMessage, bytes: number): void {
    if (message.id === undefined) return this.#unnamed(message.answer)
    const id = numberOf(message.id)
    if (this.#notifiedBefore !== undefined && id >= this.#notifiedBefore) this.#notifiedBefore = undefined
    const pending = this.#needs.pendingCalls.get(id)
    if (pending) return pending.settle({ answer: message.answer, ...this.#needs.client() }, bytes)
    if (!this.#needs.internalRequests.answer(id, message.answer)) this.#needs.drop('response')
  }

  /** An answer that is none still ends the request that it is of. */
  malformed(message: BadMessage): void {
    const { id, fault, quote } = message
    const pending = id === undefined ? (message.isAnswer ? this.#only() : undefined) : this.#named(numberOf(id))
    if (pending) this.#refuse(pending, fault, quote)
    else this.#needs.drop('stdout_line')
  }

  /** A line that is no JSON: the answer to a request if it has the id of one where answers have it. */
  unreadable(text: string): void {
    const id = idAtEdges(text.slice(0, edgeChars), text.slice(-edgeChars))
    const pending = id === undefined ? undefined : this.#named(id)
    if (pending) this.#refuse(pending, 'it is not JSON', text)
    else this.#needs.drop('stdout_line')
  }

  /** The answer to a request was too much. @param id undefined if it was an answer, but it cannot be told to what */
  lost(id: number | undefined, refusal: Refusal): void {
    const pending = id === undefined ? this.#only() : this.#named(id)
    if (pending) this.#fail(pending, refusal)
    else this.#needs.drop('response')
  }

  /** Nothing is answered any more. */
  close(): void {
    this.#doubt?.timer.stop()
    this.#doubt = undefined
  }

  #named(id: number): Pending | undefined {
    const call = this.#needs.pendingCalls.get(id)
    const method = call?.call.method ?? this.#needs.internalRequests.methodOf(id)
    return method === undefined ? undefined : { id, method, call }
  }

  /** The only request in flight: an answer that names none can be of no other, unless of one that is over and another client's. */
  #only(): Pending | undefined {
    if (this.#needs.mayMeanOther()) return undefined
    const found = [...this.#needs.internalRequests.waiting()]
    for (const pending of this.#needs.pendingCalls.all()) if (!pending.ended) found.push(pending.id)
    const [id] = found
    return id === undefined || found.length > 1 ? undefined : this.#named(id)
  }

  #refuse(pending: Pending, fault: string, quote: string): void {
    const said = terminalSafeLine(quote.slice(0, maxQuoteChars), maxQuoteChars)
    const words = `the answer to ${pending.method} is not valid (${fault}): ${said}`
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

  /** An error that names no request. After a notification it may be about that: then a better answer is waited for. */
  #unnamed(answer: Answer): void {
    const doubt = this.#doubt
    const pending = this.#only()
    if (!pending) return this.#needs.drop('response')
    if (this.#notifiedBefore === undefined || doubt) {
      // One of two was about the notification.
      this.close()
      return this.#settle(pending, answer)
    }
    const idleAtMs = pending.call?.idleAtMs
    const timer = this.#needs.clock.after(doubtMs, () => {
      this.#doubt = undefined
      this.#notifiedBefore = undefined
      const isHeardOf = pending.call !== undefined && (pending.call.idleAtMs !== idleAtMs || pending.call.openAsks > 0)
      if (!isHeardOf && this.#named(pending.id)) this.#settle(pending, answer)
    })
    this.#doubt = { pending, answer, timer }
  }
}
