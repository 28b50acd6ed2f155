/**
 * Watches workers with calls in flight. A worker that is silent for long gets a ping; if it does not answer, it gets no
 * new call until it sends something. Its calls go on until their own deadlines. Only when the last of them is over and
 * another ping is not answered, the worker is replaced.
 */
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { UpstreamConnection } from '../connection/connection.ts'
import { answersPing } from '../connection/own-requests.ts'
import type { IsolationGroup } from './isolation-group.ts'

const pingMs = 5000

export interface UnresponsiveWorkersNeeds {
  readonly clock: Clock
  readonly log: Log
  /** A ping is sent after this much silence with calls in flight, in milliseconds. */
  readonly pingAfterMs: number
  /** A worker responds again: waiting calls may use it. */
  readonly recovered: () => void
}

export interface UnresponsiveWorkers {
  /** Ends calls past their deadline, and pings the worker where that is due. Called now and then. */
  sweep(connection: UpstreamConnection, group: IsolationGroup): void
}

export function createUnresponsiveWorkers(needs: UnresponsiveWorkersNeeds): UnresponsiveWorkers {
  const { clock, log } = needs
  const pinging = new WeakSet<UpstreamConnection>()

  const mark = (connection: UpstreamConnection): void => {
    const { worker, liveness } = connection
    log.warn({ worker, calls: connection.callsInFlight }, 'worker does not respond')
    liveness.onRecovered = () => {
      log.info({ worker }, 'worker responds again')
      needs.recovered()
    }
  }

  const replace = (connection: UpstreamConnection, group: IsolationGroup): void => {
    log.warn({ worker: connection.worker }, 'worker does not react and is ended')
    group.lost = true
    group.restarts.failed(clock.now())
    connection.kill()
  }

  const ping = async (connection: UpstreamConnection, group: IsolationGroup): Promise<void> => {
    pinging.add(connection)
    const sinceMs = clock.now()
    connection.liveness.asked(sinceMs)
    const isAnswered = await answersPing(connection, group.caller.client, Math.min(pingMs, needs.pingAfterMs))
    pinging.delete(connection)
    if (isAnswered || connection.closed || connection.isExcused) return
    if (connection.liveness.unanswered(sinceMs)) mark(connection)
    if (!connection.liveness.responds && connection.callsInFlight === 0) replace(connection, group)
  }

  return {
    sweep(connection, group) {
      const now = clock.now()
      const hasTimedOut = connection.expire(now)
      if (pinging.has(connection) || connection.closed) return
      const { liveness, callsInFlight } = connection
      const isSilent = callsInFlight > 0 && !connection.isExcused && liveness.isPingDue(now, needs.pingAfterMs)
      if (hasTimedOut || isSilent || (callsInFlight === 0 && !liveness.responds)) void ping(connection, group)
    },
  }
}
