/** Measures the pressure on this process: the event loop, memory, and how full the queues are. */
import { watchLoopDelay } from '../base/loop-delay.ts'
import { memoryInUse } from '../base/process-memory.ts'
import type { Pressure } from '../admission/overload.ts'

/** How many wait in a queue, and how many may. */
export interface QueueFill {
  readonly waiting: number
  readonly bound: number
}

/** A shorter queue is often full, and shows nothing. */
const shortestQueue = 50

/** @param queues the queues as they are now */
export function watchPressure(queues: () => readonly QueueFill[]): Pressure {
  const delay = watchLoopDelay()
  return {
    measure: () => ({ event_loop: delay.take(), memory: memoryInUse(), queue: fullest(queues()) }),
    close: () => delay.close(),
  }
}

/** The part of the fullest queue that is in use, 0 to 1. */
export function fullest(queues: readonly QueueFill[]): number {
  let most = 0
  for (const { waiting, bound } of queues) if (bound >= shortestQueue) most = Math.max(most, waiting / bound)
  return most
}

/** The queues of a gateway: that of clients for a place, and the longest of those of calls for a worker. */
export function queueFills(
  bound: number,
  waitingClients: number,
  upstreams: ReadonlyArray<{ counts(): Readonly<Record<string, number>> }>,
): QueueFill[] {
  // Calls that wait for the end of a pause, or for a limit of one server, are no sign of load.
  const forWorkers = upstreams.map((served) => served.counts()['waitingCalls'] ?? 0)
  return [waitingClients, Math.max(0, ...forWorkers)].map((waiting) => ({ waiting, bound }))
}
