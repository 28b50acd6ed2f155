/** Tells in the log that a policy cannot decide, once until it can again: a dead webhook would fill the log otherwise. */
import type { Log } from '../base/log.ts'
import type { PolicyCall } from './call-policy.ts'

export class PolicyFaults {
  readonly #log: Log
  #hasFailed = false

  constructor(log: Log) {
    this.#log = log
  }

  /** A decision could not be made. The log gets nothing that the client has sent. */
  failed(error: unknown, { upstream, method }: PolicyCall, phase: string): void {
    if (!this.#hasFailed)
      this.#log.warn({ upstream, method, phase, err: error }, 'the policy could not decide on a call')
    this.#hasFailed = true
  }

  /** A decision was made. */
  answered(): void {
    if (this.#hasFailed) this.#log.info({}, 'the policy decides again')
    this.#hasFailed = false
  }
}
