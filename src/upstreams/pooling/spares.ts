/**
 * Spares are workers started in advance, so that the first call of a session does not wait for a cold start. A spare has
 * been sent nothing: it gets the handshake of its client when it is taken.
 *
 * Promises: no more starts at once than spares are missing, and none while the program cannot be started; if spares end
 * by themselves, they are started more and more rarely.
 */
import type { Clock } from '../../base/clock.ts'
import type { WorkerSlot, WorkerSlots, Purpose } from './worker-slots.ts'
import type { Child, ChildExit } from '../stdio/child.ts'

const firstPauseMs = 500
const longestPauseMs = 10 * 60_000
/** The end of a spare that lived this long does not count as a failure of the one before. */
const steadyMs = 60_000

export interface Spares {
  /** The slot of a live spare, with a new purpose; undefined if there is none. */
  take(purpose: Purpose): WorkerSlot | undefined
  /** Starts missing spares, as far as there are slots and the program can be started. */
  fill(): void
  /** Ends all spares. */
  clear(): void
  close(): Promise<void>
}

export interface SparesNeeds {
  readonly wanted: number
  readonly clock: Clock
  readonly slots: Pick<WorkerSlots, 'move'>
  /** A slot for one more; undefined if there is none to spare. */
  readonly slot: () => WorkerSlot | undefined
  /** Whether the program can be started, as far as is known. */
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
      needs.slots.move(child.id, purpose)
      return {
        start: () => child,
        release() {
          if (closed || spares.length >= needs.wanted) return void child.close()
          needs.slots.move(child.id, 'spare')
          spares.push(spare)
        },
      }
    },
    fill() {
      sweep()
      // The number is fixed before the first start: a failed start must not be repeated in this loop.
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
