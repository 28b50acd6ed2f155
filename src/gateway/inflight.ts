/** What is being worked on: so that a shutdown can wait for it, and refuse what comes later. */
import type { Clock } from '../base/clock.ts'

export interface Inflight {
  /** Counts something that should finish before the end; returns how to say that it has. */
  enter(): () => void
  readonly draining: boolean
  /** No more new work from here on; resolves when what is there has finished, or after `ms` milliseconds. */
  drain(ms: number): Promise<void>
  /** Called once when draining begins. Returns how to be no longer called. */
  onDrain(listener: () => void): () => void
  readonly count: number
}

export function createInflight(clock: Clock): Inflight {
  const listeners = new Set<() => void>()
  let count = 0
  let draining = false
  let empty: (() => void) | undefined

  return {
    enter() {
      count++
      let inside = true
      return () => {
        if (!inside) return
        inside = false
        if (--count === 0) empty?.()
      }
    },
    get draining() {
      return draining
    },
    get count() {
      return count
    },
    drain(ms) {
      draining = true
      for (const listener of [...listeners]) listener()
      listeners.clear()
      if (count === 0) return Promise.resolve()
      return new Promise((resolve) => {
        const timer = clock.after(ms, resolve)
        empty = () => {
          timer.stop()
          resolve()
        }
      })
    },
    onDrain(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
