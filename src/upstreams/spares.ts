/**
 * Processes started ahead, so that the first call of a session does not wait for a cold start. A spare has not been
 * spoken to: it is given its client's own handshake when it is taken.
 *
 * Promises: no more starts are tried at once than spares are missing, and none as long as starts fail for everybody; a
 * program that ends when it is not spoken to is started ahead ever more rarely.
 */
import type { Clock } from '../base/clock.ts'
import type { Child, ChildExit } from './stdio/child.ts'

const firstPauseMs = 500
const longestPauseMs = 10 * 60_000
/** One that lived for so long says nothing against the next one. */
const steadyMs = 60_000

export interface Spares {
  /** A live spare, or undefined. Its place stays empty until `fill`. */
  take(): Child | undefined
  /** Starts what is missing, as far as there is room and the program starts at all. */
  fill(): void
  readonly size: number
  close(): Promise<void>
}

export interface SparesNeeds {
  readonly wanted: number
  readonly clock: Clock
  readonly start: () => Child
  /** Whether there is room for one more process. */
  readonly room: () => boolean
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
    get size() {
      sweep()
      return spares.length
    },
    take() {
      sweep()
      return spares.shift()?.child
    },
    fill() {
      sweep()
      // Counted before the first start: one that fails leaves as many missing as before.
      for (let missing = needs.wanted - spares.length; missing > 0; missing--) {
        const startedMs = clock.now()
        if (closed || startedMs < notBeforeMs || !needs.mayStart() || !needs.room()) return
        const child = needs.start()
        if (child.exited) return lost(child, startedMs)
        spares.push({ child, startedMs })
      }
    },
    async close() {
      closed = true
      await Promise.all(spares.splice(0).map(({ child }) => child.close()))
    },
  }
}
