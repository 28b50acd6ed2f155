/** What is being worked on: so that a shutdown can wait for it, and refuse what comes later. */
import type { Cancel } from '../base/cancel.ts'
import type { Clock } from '../base/clock.ts'

/** Why calls are cancelled that take longer than a shutdown waits. */
export const overdue = 'the server is shutting down'

/** After that they have this long to say so. */
const partingMs = 1000

export interface Drain {
  /** Counts a call that should finish before the end; returns how to say that it has. */
  enter(cancel: Cancel): () => void
  readonly draining: boolean
  /** No more new work from here on; resolves when what is there has finished. After `ms` milliseconds it is cancelled. */
  drain(ms: number): Promise<void>
  /** Called once when draining begins. Returns how to be no longer called. */
  onDrain(listener: () => void): () => void
  readonly count: number
}

export function createDrain(clock: Clock): Drain {
  const listeners = new Set<() => void>()
  // An array and no Set: entries come and go with each call (docs/decisions/0013). Whoever leaves is replaced by the last.
  const inside: Array<{ readonly cancel: Cancel; at: number }> = []
  let draining = false
  /** Whoever waits for the end of all. */
  const waiting: Array<() => void> = []

  return {
    enter(cancel) {
      const entry = { cancel, at: inside.length }
      inside.push(entry)
      return () => {
        if (inside[entry.at] !== entry) return
        const last = inside.pop()
        if (last && last !== entry) {
          last.at = entry.at
          inside[last.at] = last
        }
        if (inside.length === 0) for (const goOn of waiting.splice(0)) goOn()
      }
    },
    get draining() {
      return draining
    },
    get count() {
      return inside.length
    },
    drain(ms) {
      draining = true
      for (const listener of [...listeners]) listener()
      listeners.clear()
      if (inside.length === 0) return Promise.resolve()
      return new Promise((resolve) => {
        let timer = clock.after(ms, () => {
          timer = clock.after(partingMs, resolve)
          for (const { cancel } of [...inside]) cancel.cancel(overdue)
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
