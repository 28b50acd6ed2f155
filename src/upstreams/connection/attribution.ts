/**
 * Which client gets a message of a server that names no call: a log message or an input request. A server may send it
 * late, for a call that is over, so the only call in flight need not be the one it means: what counts is which clients
 * the worker has worked for. Nothing is guessed: a message that cannot be attributed for certain goes to no client.
 * Reasons and costs: docs/decisions/0019.
 */
import type { Clock } from '../../base/clock.ts'
import type { ClientKey, EraName } from '../../protocol/call.ts'
import type { Attribution } from '../worker.ts'
import type { PendingCall } from './pending-call.ts'
import type { PendingCalls } from './pending-calls.ts'

/** Everything that the decision depends on. */
export interface Situation {
  readonly attribution: Attribution
  readonly what: 'input-request' | 'log'
  /** Whether the server is stateless: it sends no requests, and logs only for calls that asked for logs. */
  readonly isStateless: boolean
  /** Whether a call is in flight. */
  readonly hasCall: boolean
  /** Whether all work that the worker may still refer to was for one client. */
  readonly hasOneClient: boolean
}

/**
 * The decision: `call` is the youngest call in flight (all calls are of one client then), `group` the subscriber of the
 * session that owns the worker, undefined no client.
 */
export function addressee(situation: Situation): 'call' | 'group' | undefined {
  const { attribution, what, isStateless, hasCall, hasOneClient } = situation
  if (attribution === 'session') return hasCall ? 'call' : 'group'
  // Across principals, only log messages pass, for calls that have asked for them.
  if (attribution === 'several' && !(what === 'log' && isStateless)) return undefined
  return hasCall && hasOneClient ? 'call' : undefined
}

/** Which clients a worker has worked for, as long as it may still refer to that work. */
export class ServedClients {
  readonly #forgetMs: number
  #client: ClientKey | undefined
  #hasOthers = false
  /** Pieces of work in progress. */
  #open = 0
  #quietSinceMs = Number.NEGATIVE_INFINITY

  /** @param forgetMs how long an idle worker may still refer to earlier work: as long as a call may last */
  constructor(forgetMs: number) {
    this.#forgetMs = forgetMs
  }

  /** Whether it was exactly one client. */
  get isOne(): boolean {
    return this.#client !== undefined && !this.#hasOthers
  }

  /** Whether there were several clients, or may have been. */
  get areSeveral(): boolean {
    return this.#hasOthers
  }

  /**
   * Work begins. Work that never ends is never forgotten.
   * @param client undefined if it cannot be told
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
  /** Whether all calls are of one client, whatever their keys. */
  readonly hasOneClient: boolean
  /** How long a call can last, in milliseconds. */
  readonly callTotalMs: number
  readonly clock: Clock
}

/** Applies the decision to the calls of one worker. */
export class Attributor {
  readonly served: ServedClients
  /** Which clients the worker serves; changes when an unused worker is handed over to a group. */
  attribution: Attribution
  readonly #needs: AttributorNeeds
  readonly #pendingCalls: PendingCalls

  constructor(needs: AttributorNeeds, pendingCalls: PendingCalls) {
    this.served = new ServedClients(needs.callTotalMs)
    this.attribution = needs.attribution
    this.#needs = needs
    this.#pendingCalls = pendingCalls
  }

  /** Work begins that later messages may refer to without naming it. Call the returned function once when it ends. */
  workFor(client: ClientKey | undefined): () => void {
    const { clock } = this.#needs
    this.served.begin(client, clock.now())
    return () => this.served.end(clock.now())
  }

  /** Whether a response without an id may belong to a client that has no call in flight. */
  get mayMeanOther(): boolean {
    return this.attribution !== 'session' && !this.#needs.hasOneClient && this.served.areSeveral
  }

  /**
   * Whether an input request cannot be attributed because clients share the worker, and not because it came after its
   * call.
   * @param isOffered whether the capability was announced to the server; it never is where principals share a worker
   */
  couldBeOfSeveral(isOffered: boolean): boolean {
    return this.attribution === 'several' || (this.attribution === 'principal' && isOffered && this.mayMeanOther)
  }

  /** @param era the era of the connection */
  find(what: Situation['what'], era: EraName): PendingCall | 'group' | undefined {
    const call = this.#pendingCalls.youngest()
    const hasOneClient = this.#needs.hasOneClient || this.served.isOne
    const isStateless = era === 'modern'
    const { attribution } = this
    const to = addressee({ attribution, what, isStateless, hasCall: call !== undefined, hasOneClient })
    return to === 'call' ? call : to
  }
}
