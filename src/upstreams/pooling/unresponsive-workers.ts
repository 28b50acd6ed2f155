/**
 * Watches processes with calls in flight. One that is silent for long is sent a ping; without an answer it is marked
 * and gets no new call until it says something. Calls on it go on to their own deadlines. Only when the last of them
 * is over, and another ping is in vain, is the process replaced.
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
  /** Silence with calls in flight after which a ping is sent, in milliseconds. */
  readonly pingAfterMs: number
  /** A process responds again: calls that wait may have it. */
  readonly recovered: () => void
}

export interface UnresponsiveWorkers {
  /** Ends the calls of a process whose time is up, and asks the process where that is due. Called now and then. */
  sweep(connection: UpstreamConnection, group: IsolationGroup): void
}

export function createUnresponsiveWorkers(needs: UnresponsiveWorkersNeeds): UnresponsiveWorkers {
  const { clock, log } = needs
  const asking = new WeakSet<UpstreamConnection>()

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

  const ask = async (connection: UpstreamConnection, group: IsolationGroup): Promise<void> => {
    asking.add(connection)
    const sinceMs = clock.now()
    connection.liveness.asked(sinceMs)
    const isAnswered = await answersPing(connection, group.caller.client, Math.min(pingMs, needs.pingAfterMs))
    asking.delete(connection)
    if (isAnswered || connection.closed || connection.isExcused) return
    if (connection.liveness.unanswered(sinceMs)) mark(connection)
    if (!connection.liveness.responds && connection.callsInFlight === 0) replace(connection, group)
  }

  return {
    sweep(connection, group) {
      const now = clock.now()
      const isBlamed = connection.expire(now)
      if (asking.has(connection) || connection.closed) return
      const { liveness, callsInFlight } = connection
      const isSilent = callsInFlight > 0 && !connection.isExcused && liveness.isPingDue(now, needs.pingAfterMs)
      if (isBlamed || isSilent || (callsInFlight === 0 && !liveness.responds)) void ask(connection, group)
    },
  }
}
