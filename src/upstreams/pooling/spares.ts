/**
 * Processes started ahead, so that the first call of a session does not wait for a cold start. A spare has not been
 * spoken to: it is given its client's own handshake when it is taken.
 *
 * Promises: no more starts are tried at once than spares are missing, and none as long as starts fail for everybody; a
 * program that ends when it is not spoken to is started ahead ever more rarely.
 */
import type { Clock } from '../../base/clock.ts'
import type { WorkerSlot, WorkerSlots, Purpose } from './worker-slots.ts'
import type { Child, ChildExit } from '../stdio/child.ts'

const firstPauseMs = 500
const longestPauseMs = 10 * 60_000
/** One that lived for so long says nothing against the next one. */
const steadyMs = 60_000

export interface Spares {
  /** The place of a live spare, for something else from now on; undefined if there is none. */
  take(purpose: Purpose): WorkerSlot | undefined
  /** Starts what is missing, as far as there is room and the program starts at all. */
  fill(): void
  /** Ends those that are there. */
  clear(): void
  close(): Promise<void>
}

export interface SparesNeeds {
  readonly wanted: number
  readonly clock: Clock
  readonly slots: Pick<WorkerSlots, 'move'>
  /** A place for one more; undefined if there is none to spare. */
  readonly slot: () => WorkerSlot | undefined
  /** Whether the program could be started when it last was. */
  readonly mayStart: () => boolean
  /** A spare could not be started, or ended by itself. */
  readonly failed: (exit: ChildExit) => void
}

export function createSpares(needs: SparesNeeds): Spares {
  const { clock } = needs
  let spares: Array<{ readonly child: Child; readonly startedMs: number }> = []
  let failures = 0
  let notBeforeMs = Number.NEGATIVE_INFINITY
  let closed = false

  const lost = (child: Child, startedMs: number): void => {
    const now = clock.now()
    failures = now - startedMs >= steadyMs ? 1 : failures + 1
    notBeforeMs = now + Math.min(longestPauseMs, firstPauseMs * 2 ** (failures - 1))
    child.listen({ line() {}, dropped() {}, exit: (exit) => closed || needs.failed(exit) })
  }
  const sweep = (): void => {
    const ended = spares.filter(({ child }) => child.exited)
    if (ended.length === 0) return
    spares = spares.filter(({ child }) => !child.exited)
    for (const { child, startedMs } of ended) lost(child, startedMs)
  }

  return {
    take(purpose) {
      sweep()
      const spare = spares.shift()
      if (!spare) return undefined
      const { child } = spare
      needs.slots.move(child.pid, purpose)
      return {
        start: () => child,
        release() {
          if (closed || spares.length >= needs.wanted) return void child.close()
          needs.slots.move(child.pid, 'spare')
          spares.push(spare)
        },
      }
    },
    fill() {
      sweep()
      // Counted before the first start: one that fails leaves as many missing as before.
      for (let missing = needs.wanted - spares.length; missing > 0; missing--) {
        const startedMs = clock.now()
        if (closed || startedMs < notBeforeMs || !needs.mayStart()) return
        const child = needs.slot()?.start()
        if (!child) return
        if (child.exited) return lost(child, startedMs)
        spares.push({ child, startedMs })
      }
    },
    clear: () => spares.splice(0).forEach(({ child }) => void child.close()),
    async close() {
      closed = true
      await Promise.all(spares.splice(0).map(({ child }) => child.close()))
    },
  }
}
