/**
 * Whom a message of a server belongs to that names no call: a log line, a question. By the rule of the unit that the
 * process works for, and never guessed: what cannot be told for certain belongs to nobody.
 */
import type { Clock } from '../base/clock.ts'
import type { Exchange } from './exchange.ts'
import type { Exchanges } from './exchanges.ts'

/** Who such messages belong to: the one session that owns the process, the only call in flight, or nobody. */
export type Attribution = 'own' | 'single' | 'none'

/** For this long after a cancellation the process may still speak of the call; as long as calls last if clients share it. */
const ghostMs = 5000

export class Attributor {
  readonly #rule: Attribution
  readonly #exchanges: Exchanges
  readonly #clock: Clock
  readonly #ghostMs: number
  #ghostUntilMs = 0

  /** @param callTotalMs how long a call can last */
  constructor(rule: Attribution, exchanges: Exchanges, clock: Clock, callTotalMs: number) {
    this.#rule = rule
    this.#exchanges = exchanges
    this.#clock = clock
    this.#ghostMs = rule === 'none' ? callTotalMs : ghostMs
  }

  /** Whether all that the process says is of one session. */
  get isOwn(): boolean {
    return this.#rule === 'own'
  }

  /** Whether a question could still be one of a call that was cancelled a moment ago. */
  get hasGhost(): boolean {
    return this.#rule === 'single' && this.#clock.now() < this.#ghostUntilMs
  }

  /** Whether what names no call could be of one that was cancelled, and of another client than the calls in flight. */
  get mayMeanOther(): boolean {
    return this.#rule !== 'own' && this.#clock.now() < this.#ghostUntilMs
  }

  /** A call was cancelled that the process may go on to speak of. */
  cancelled(): void {
    this.#ghostUntilMs = this.#clock.now() + this.#ghostMs
  }

  /** Of many principals even the only call in flight may not be meant: it could be one that is over. */
  ofQuestion(): Exchange | 'unit' | undefined {
    return this.#rule === 'none' ? undefined : this.#find()
  }

  /** @param isStateless whether the server must not log but for a call that asked for it */
  ofLog(isStateless: boolean): Exchange | 'unit' | undefined {
    return this.#rule === 'none' && !isStateless ? undefined : this.#find()
  }

  #find(): Exchange | 'unit' | undefined {
    // Of one session's calls the youngest carries it; with none in flight, the session's stream.
    if (this.isOwn) return this.#exchanges.youngest() ?? 'unit'
    const isCertain = this.#exchanges.size === 1 && this.#clock.now() >= this.#ghostUntilMs
    return isCertain ? this.#exchanges.youngest() : undefined
  }
}
