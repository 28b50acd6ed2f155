/** Tells in the log that there is no decision: once until there is one again, or once in a while for what is too large. */
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { PolicyCall } from './call-policy.ts'
import { NoDecision } from './no-decision.ts'

/** Calls that are too large come at the will of clients. */
const pauseMs = 10_000

export class PolicyFaults {
  readonly #log: Log
  readonly #clock: Clock
  #hasFailed = false
  #toldTooLargeMs = -Infinity

  constructor(log: Log, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  /** No decision could be had. The log gets nothing that a client or a server has sent. */
  failed(error: unknown, { upstream, method }: PolicyCall, phase: string): void {
    if (error instanceof NoDecision && error.isTooLarge) {
      if (this.#clock.now() < this.#toldTooLargeMs + pauseMs) return
      this.#toldTooLargeMs = this.#clock.now()
    } else {
      if (this.#hasFailed) return
      this.#hasFailed = true
    }
    this.#log.warn({ upstream, method, phase, fault: faultOf(error) }, 'the policy could not decide on a call')
  }

  /** A decision was made. */
  answered(): void {
    if (this.#hasFailed) this.#log.info({}, 'the policy decides again')
    this.#hasFailed = false
  }
}

/** The message of a function of a program may have a part of what it has looked at. */
function faultOf(error: unknown): string {
  if (error instanceof NoDecision) return error.message
  return `the policy threw ${error instanceof Error ? error.name : typeof error}`
}
