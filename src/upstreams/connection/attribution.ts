/**
 * Whom a message of a server belongs to that names no call: a log line, a question. A server may speak late, of a call
 * that is over, so that a call is alone on its process proves nothing: what counts is which clients the process has
 * worked for. Never guessed: what cannot be told for certain belongs to no client.
 * Why, and what it costs: docs/decisions/0019.
 */
import type { Clock } from '../../base/clock.ts'
import type { ClientKey, EraName } from '../../protocol/call.ts'
import type { PendingCall } from './pending-call.ts'
import type { PendingCalls } from './pending-calls.ts'

/**
 * Whom a process works for: one session alone (`own`), clients of one principal (`single`), or clients of several
 * principals (`none`).
 */
export type Attribution = 'own' | 'single' | 'none'

/** All that the decision looks at. */
export interface Situation {
  readonly rule: Attribution
  readonly what: 'question' | 'log'
  /** Whether the server is of the stateless era: it asks nothing, and logs only for calls that wanted it. */
  readonly isStateless: boolean
  /** Whether a call is in flight. */
  readonly hasCall: boolean
  /** Whether all the work that the process may still speak of is of one client. */
  readonly hasOneClient: boolean
}

/**
 * The decision: `call` is the youngest call in flight, all calls being of one client then; `unit` is the listener of
 * the session that owns the process; undefined is no client.
 */
export function addressee({ rule, what, isStateless, hasCall, hasOneClient }: Situation): 'call' | 'group' | undefined {
  if (rule === 'own') return hasCall ? 'call' : 'group'
  // Over the border between principals nothing goes but what a call has wanted in so many words.
  if (rule === 'none' && !(what === 'log' && isStateless)) return undefined
  return hasCall && hasOneClient ? 'call' : undefined
}

/** Which clients a process has worked for, as far as it may still speak of that work. */
export class ServedClients {
  readonly #forgetMs: number
  #client: ClientKey | undefined
  #hasOthers = false
  /** Pieces of work that have begun and not ended. */
  #open = 0
  #quietSinceMs = Number.NEGATIVE_INFINITY

  /** @param forgetMs how long a process without any work may still speak of what it did: as long as a call may last */
  constructor(forgetMs: number) {
    this.#forgetMs = forgetMs
  }

  /** Whether it was one client, and no other one. */
  get isOne(): boolean {
    return this.#client !== undefined && !this.#hasOthers
  }

  /** Whether they were several, or may have been. */
  get areSeveral(): boolean {
    return this.#hasOthers
  }

  /**
   * Work begins. What never ends is never forgotten.
   * @param client whom it is for; undefined if that cannot be told
   */
  begin(client: ClientKey | undefined, nowMs: number): void {
    if (this.#open === 0 && nowMs - this.#quietSinceMs >= this.#forgetMs) {
      this.#client = undefined
      this.#hasOthers = false
    }
    this.#open++
    if (client === undefined || (this.#client !== undefined && this.#client !== client)) this.#hasOthers = true
    else this.#client = client
  }

  /** A piece of work has ended. */
  end(nowMs: number): void {
    this.#open--
    this.#quietSinceMs = nowMs
  }
}

export interface AttributorNeeds {
  readonly attribution: Attribution
  /** Whether all calls are of one client, whatever they say. */
  readonly hasOneClient: boolean
  /** How long a call can last, in milliseconds. */
  readonly callTotalMs: number
  readonly clock: Clock
}

/** Applies the decision to the calls of one process. */
export class Attributor {
  readonly served: ServedClients
  /** Whom the process works for; another one when a process that has worked for no client is handed over. */
  rule: Attribution
  readonly #needs: AttributorNeeds
  readonly #pendingCalls: PendingCalls

  constructor(needs: AttributorNeeds, pendingCalls: PendingCalls) {
    this.served = new ServedClients(needs.callTotalMs)
    this.rule = needs.attribution
    this.#needs = needs
    this.#pendingCalls = pendingCalls
  }

  /** Work begins of which the process may speak without naming it; returns how to say that it has ended, once. */
  workFor(client: ClientKey | undefined): () => void {
    const { clock } = this.#needs
    this.served.begin(client, clock.now())
    return () => this.served.end(clock.now())
  }

  /** Whether an answer that names no request may be one to another client than those whose calls are in flight. */
  get mayMeanOther(): boolean {
    return this.rule !== 'own' && !this.#needs.hasOneClient && this.served.areSeveral
  }

  /**
   * Whether a question that is nobody's is so because clients share the process: not if it merely comes after its call.
   * @param isOffered whether the server was told that its clients can be asked; where principals share, it never is
   */
  couldBeOfSeveral(isOffered: boolean): boolean {
    return this.rule === 'none' || (this.rule === 'single' && isOffered && this.mayMeanOther)
  }

  /** @param era the one that the server is spoken with in */
  find(what: Situation['what'], era: EraName): PendingCall | 'group' | undefined {
    const call = this.#pendingCalls.youngest()
    const hasOneClient = this.#needs.hasOneClient || this.served.isOne
    const isStateless = era === 'modern'
    const to = addressee({ rule: this.rule, what, isStateless, hasCall: call !== undefined, hasOneClient })
    return to === 'call' ? call : to
  }
}
