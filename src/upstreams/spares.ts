/**
 * Processes started ahead, so that the first call of a session does not wait for a cold start. A spare has not been
 * spoken to: it is given its client's own handshake when it is taken.
 */
import type { Child } from './stdio/child.ts'

export interface Spares {
  /** A live spare, or undefined. Its place stays empty until `fill`. */
  take(): Child | undefined
  /** Starts what is missing, as far as there is room. */
  fill(): void
  readonly size: number
  close(): Promise<void>
}

export function createSpares(needs: {
  readonly wanted: number
  readonly start: () => Child
  /** Whether there is room for one more process. */
  readonly room: () => boolean
}): Spares {
  const spares: Child[] = []
  let closed = false
  const sweep = (): void => {
    for (let i = spares.length - 1; i >= 0; i--) if (spares[i]?.exited) spares.splice(i, 1)
  }
  return {
    get size() {
      sweep()
      return spares.length
    },
    take() {
      sweep()
      return spares.shift()
    },
    fill() {
      sweep()
      while (!closed && spares.length < needs.wanted && needs.room()) spares.push(needs.start())
    },
    async close() {
      closed = true
      await Promise.all(spares.splice(0).map((child) => child.close()))
    },
  }
}
