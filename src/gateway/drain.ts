/** Counts the calls in flight, so that a shutdown can wait for them and refuse new ones. */
import type { Cancel } from '../base/cancel.ts'
import type { Clock } from '../base/clock.ts'

/** The cancel reason of calls that take longer than a shutdown waits. */
export const overdue = 'the server is shutting down'

/** How long cancelled calls may take to answer with their error. */
const cancelledMs = 1000

export interface Drain {
  /** Counts a call. Call the returned function when it has finished; calling it again does nothing. */
  enter(cancel: Cancel): () => void
  readonly draining: boolean
  /** When draining began, in milliseconds of the clock; undefined until then. */
  readonly beganMs: number | undefined
  /**
   * Begins to drain; resolves when the calls in flight have finished. Those left after `ms` milliseconds are cancelled.
   */
  drain(ms: number): Promise<void>
  /** Calls the listener once, when draining begins. The returned function removes it. */
  onDrain(listener: () => void): () => void
  readonly count: number
}

export function createDrain(clock: Clock): Drain {
  const listeners = new Set<() => void>()
  // An array, not a Set: entries come and go with each call (docs/decisions/0013). The last entry fills a gap.
  const entries: Array<{ readonly cancel: Cancel; at: number }> = []
  let beganMs: number | undefined
  /** Called when the last call has finished. */
  const waiting: Array<() => void> = []

  return {
    enter(cancel) {
      const entry = { cancel, at: entries.length }
      entries.push(entry)
      return () => {
        if (entries[entry.at] !== entry) return
        const last = entries.pop()
        if (last && last !== entry) {
          last.at = entry.at
          entries[last.at] = last
        }
        if (entries.length === 0) for (const resolve of waiting.splice(0)) resolve()
      }
    },
    get draining() {
      return beganMs !== undefined
    },
    get beganMs() {
      return beganMs
    },
    get count() {
      return entries.length
    },
    drain(ms) {
      beganMs ??= clock.now()
      for (const listener of [...listeners]) listener()
      listeners.clear()
      if (entries.length === 0) return Promise.resolve()
      return new Promise((resolve) => {
        let timer = clock.after(ms, () => {
          timer = clock.after(cancelledMs, resolve)
          for (const { cancel } of [...entries]) cancel.cancel(overdue)
        })
        waiting.push(() => {
          timer.stop()
          resolve()
        })
      })
    },
    onDrain(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
