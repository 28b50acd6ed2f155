/**
 * Has a worker show that it lives before it is lent after a long rest: a machine that slept, a stopped process or a hung
 * program would otherwise be noticed by a call, ten minutes later. One that does not answer a ping is replaced.
 *
 * A server that has never answered a ping may be one that answers none: its workers are lent as they are.
 */
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { ServerEra } from '../server-era.ts'
import type { Worker } from '../worker.ts'
import type { IsolationGroup } from './isolation-group.ts'
import { answersPing, ownDescription } from './own-requests.ts'

/** After this rest a worker is asked, in milliseconds. */
const restMs = 30_000
const pingMs = 3000
/** An idle worker is asked once whether its server answers pings at all, after this rest. */
const learnAfterMs = 5000

export interface IdleChecksNeeds {
  readonly clock: Clock
  readonly log: Log
  /** A worker has answered, or has not and is replaced: waiting calls may be served. */
  readonly checked: () => void
}

export class IdleChecks {
  readonly #needs: IdleChecksNeeds
  /** Workers that are asked at the moment. */
  readonly #asked = new Map<Worker, Promise<boolean>>()
  /** When workers were last asked that did not answer, in milliseconds of the clock. */
  readonly #askedMs = new WeakMap<Worker, number>()
  /** Whether the server answers pings; undefined: no worker was asked yet. */
  #areAnswered: boolean | undefined

  constructor(needs: IdleChecksNeeds) {
    this.#needs = needs
  }

  /** Whether the worker may be lent now. If not, it is asked, and `checked` is called when that is known. */
  isReady(worker: Worker, group: IsolationGroup): boolean {
    if (worker.callsInFlight > 0 || this.#hasRestedFor(worker) < restMs) return true
    // Each of the calls that wait for it asks.
    if (this.#asked.has(worker)) return false
    void this.isAlive(worker, group).then(() => this.#needs.checked())
    return false
  }

  /** Whether a worker of the group is asked at the moment. */
  isAsking({ workers }: IsolationGroup): boolean {
    if (this.#asked.size === 0) return false
    for (const worker of workers) if (this.#asked.has(worker)) return true
    return false
  }

  /** Asks the worker if it has rested for long. If it does not answer, it is ended. Never rejects. @param group that it is for */
  isAlive(worker: Worker, group: IsolationGroup): Promise<boolean> {
    if (this.#hasRestedFor(worker) < restMs) return Promise.resolve(!worker.closed)
    const asked = this.#asked.get(worker) ?? this.#ask(worker, group).finally(() => this.#asked.delete(worker))
    this.#asked.set(worker, asked)
    return asked
  }

  /** Finds out whether the server answers pings, from a worker that is at rest; called now and then. */
  learn(idle: Iterable<{ readonly worker: Worker | undefined }>, serverEra: ServerEra): void {
    if (this.#areAnswered !== undefined) return
    for (const { worker } of idle) {
      if (!worker || this.#hasRestedFor(worker) < learnAfterMs) continue
      this.#areAnswered = false
      return void answersPing(worker, ownDescription(serverEra, {}), pingMs).then((isAnswered) => {
        this.#areAnswered ||= isAnswered
      })
    }
  }

  async #ask(worker: Worker, group: IsolationGroup): Promise<boolean> {
    const { clock, log } = this.#needs
    const sinceMs = clock.now()
    const isAnswered = await answersPing(worker, group.caller.client, pingMs)
    if (worker.closed) return false
    this.#askedMs.set(worker, clock.now())
    if (isAnswered) this.#areAnswered = true
    if (isAnswered || this.#areAnswered !== true || worker.liveness.heardAtMs >= sinceMs) return true
    log.warn({ worker: worker.number }, 'worker does not react and is ended')
    group.hasLostState = true
    worker.kill('unresponsive')
    return false
  }

  #hasRestedFor(worker: Worker): number {
    const lastMs = Math.max(worker.idleSinceMs, worker.liveness.heardAtMs, this.#askedMs.get(worker) ?? 0)
    return this.#needs.clock.now() - lastMs
  }
}
