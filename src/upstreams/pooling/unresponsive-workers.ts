/**
 * Watches workers with calls in flight. A worker that is silent for long gets a ping; if it does not answer, it gets no
 * new call until it sends something. Its calls go on until their own deadlines. Only when the last of them is over and
 * another ping is not answered, the worker is replaced.
 */
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Worker } from '../worker.ts'
import type { IsolationGroup } from './isolation-group.ts'
import { answersPing } from './own-requests.ts'

const pingMs = 5000

export interface UnresponsiveWorkersNeeds {
  readonly clock: Clock
  readonly log: Log
  /** A ping is sent after this much silence with calls in flight, in milliseconds. */
  readonly pingAfterMs: number
}

export interface UnresponsiveWorkers {
  /** Ends calls past their deadline, and pings the worker where that is due. Called now and then. */
  sweep(worker: Worker, group: IsolationGroup): void
}

export function createUnresponsiveWorkers(needs: UnresponsiveWorkersNeeds): UnresponsiveWorkers {
  const { clock, log } = needs
  const pinging = new WeakSet<Worker>()

  const replace = (worker: Worker, group: IsolationGroup): void => {
    log.warn({ worker: worker.number }, 'worker does not react and is ended')
    group.hasLostState = true
    group.restarts.failed(clock.now(), 'ended')
    worker.kill('unresponsive')
  }

  const ping = async (worker: Worker, group: IsolationGroup): Promise<void> => {
    pinging.add(worker)
    const sinceMs = clock.now()
    worker.liveness.asked(sinceMs)
    const isAnswered = await answersPing(worker, group.caller.client, Math.min(pingMs, needs.pingAfterMs))
    pinging.delete(worker)
    if (isAnswered || worker.closed || worker.state === 'retiring' || worker.isExcused) return
    if (worker.state !== 'unresponsive' && worker.liveness.heardAtMs < sinceMs) {
      log.warn({ worker: worker.number, calls: worker.callsInFlight }, 'worker does not respond')
      worker.markUnresponsive()
    }
    if (worker.state === 'unresponsive' && worker.callsInFlight === 0) replace(worker, group)
  }

  return {
    sweep(worker, group) {
      const now = clock.now()
      const hasTimedOut = worker.expire(now)
      // A worker that gets no further call ends with those that it has.
      if (pinging.has(worker) || worker.closed || worker.state === 'retiring') return
      const { liveness, callsInFlight } = worker
      const isSilent = callsInFlight > 0 && !worker.isExcused && liveness.isPingDue(now, needs.pingAfterMs)
      if (hasTimedOut || isSilent || (callsInFlight === 0 && worker.state === 'unresponsive')) void ping(worker, group)
    },
  }
}
