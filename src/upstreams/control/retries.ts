/**
 * Which calls run once more on another worker when theirs has ended: those of which the server says that this has no
 * further effect. Promises that a call runs twice at most, and not after something of it has reached its client
 * (docs/decisions/0053).
 */
import type { EventSink } from '../../base/events.ts'
import type { Log } from '../../base/log.ts'
import { asRefusal } from '../../base/refusal.ts'
import type { Call } from '../../protocol/call.ts'
import type { CallEnd } from './controlled-reply.ts'
import type { ControlSettings } from './options.ts'

/** Whether calls run again, and the time limits of a call, in milliseconds. */
export interface RetrySettings extends Pick<ControlSettings, 'retryIdempotent'> {
  readonly callIdleMs: number
  readonly callTotalMs: number
}

export interface RetriesNeeds {
  /** The name of the upstream. */
  readonly name: string
  /** Whether the server says of the tool of a call that a second run changes nothing more. */
  readonly isIdempotent: (call: Call) => boolean
  readonly log: Log
  readonly events: EventSink
}

export class Retries {
  readonly #needs: RetriesNeeds
  #count = 0
  #settings: RetrySettings = { retryIdempotent: false, callIdleMs: 0, callTotalMs: 0 }

  constructor(needs: RetriesNeeds) {
    this.#needs = needs
  }

  /** How many calls have run once more so far. */
  get count(): number {
    return this.#count
  }

  get areOn(): boolean {
    return this.#settings.retryIdempotent
  }

  apply(settings: RetrySettings): void {
    this.#settings = settings
  }

  /**
   * Whether a call runs once more that has failed before it said anything.
   * @param tookMs how long it has taken so far, in milliseconds: both runs together have the time limits of one
   */
  allow(call: Call, error: unknown, tookMs: number): boolean {
    const { retryIdempotent, callIdleMs, callTotalMs } = this.#settings
    if (!retryIdempotent || asRefusal(error)?.code !== 'upstream_closed' || call.cancel.cancelled) return false
    // Only that worker knows what the call goes on with.
    if (call.worker !== undefined || call.reservation !== undefined) return false
    return tookMs < Math.min(callIdleMs, callTotalMs) && this.#needs.isIdempotent(call)
  }

  /** A call that ran once more is over. */
  ended({ outcome, error }: CallEnd): void {
    this.#count++
    const isLeft = outcome === undefined && (error === undefined || asRefusal(error)?.code === 'cancelled')
    const result = outcome ? 'answered' : isLeft ? 'cancelled' : 'failed'
    this.#needs.events.emit('callRetried', { upstream: this.#needs.name, result })
    this.#needs.log.info({ result }, 'a call whose worker had ended ran once more on another one')
  }
}
