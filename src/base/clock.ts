/**
 * Time as a dependency. Only this file reads a clock or sets a timer, so that every time-out, lifetime and back-off can be
 * tested with a clock that the test moves by hand.
 */
import type { Cancel } from './cancel.ts'

/** A timer that was set. Stopping it twice is harmless. */
export interface Timer {
  stop(): void
}

export interface Clock {
  /**
   * Milliseconds of a monotonic clock: they never go back, even if the clock of the machine is set. For durations and
   * deadlines, not for dates. They start at the epoch time at which the process started, so 0 is always long ago.
   */
  now(): number
  /** Runs `task` once after `ms` milliseconds. Does not keep the process alive. */
  after(ms: number, task: () => void): Timer
  /** Runs `task` every `ms` milliseconds. Does not keep the process alive. */
  every(ms: number, task: () => void): Timer
}

export const systemClock: Clock = {
  // Whole milliseconds: nothing here needs fractions, and they keep a log readable.
  now: () => Math.floor(performance.timeOrigin + performance.now()),
  after(ms, task) {
    const handle = setTimeout(task, ms)
    handle.unref()
    return { stop: () => clearTimeout(handle) }
  },
  every(ms, task) {
    const handle = setInterval(task, ms)
    handle.unref()
    return { stop: () => clearInterval(handle) }
  },
}

/** Milliseconds since the epoch by the clock of the machine, which may be set: to compare with times from other programs. */
export function wallMs(): number {
  return Date.now()
}

/** Keeps the process alive until it is stopped: for a process that waits for timers alone. */
export function stayAwake(): Timer {
  const handle = setInterval(() => {}, 3_600_000)
  return { stop: () => clearInterval(handle) }
}

/** A clock for tests: time stands still until `advance` moves it. */
export interface ManualClock extends Clock {
  /** Moves time forward by `ms` and runs the tasks that become due, in order. */
  advance(ms: number): void
}

export function manualClock(startMs = 1_000_000): ManualClock {
  let now = startMs
  const due = new Set<{ at: number; everyMs?: number; task: () => void }>()
  const set = (at: number, task: () => void, everyMs?: number): Timer => {
    const entry = everyMs === undefined ? { at, task } : { at, task, everyMs }
    due.add(entry)
    return { stop: () => void due.delete(entry) }
  }
  return {
    now: () => now,
    after: (ms, task) => set(now + ms, task),
    every: (ms, task) => set(now + ms, task, ms),
    advance(ms) {
      const end = now + ms
      for (;;) {
        const next = [...due].filter((entry) => entry.at <= end).sort((a, b) => a.at - b.at)[0]
        if (!next) break
        now = Math.max(now, next.at)
        if (next.everyMs === undefined) due.delete(next)
        else next.at += next.everyMs
        next.task()
      }
      now = end
    },
  }
}

/** A promise that resolves after `ms` milliseconds of `clock`. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve))
}

/** Like `pause`, but resolves as soon as one of `ends` fires or has already fired. */
export function pauseUnless(ends: readonly Cancel[], clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const stops: Array<() => void> = []
    const end = (): void => {
      timer.stop()
      for (const stop of stops) stop()
      resolve()
    }
    const timer = clock.after(ms, end)
    for (const cancel of ends) {
      stops.push(cancel.onCancel(end))
      // `end` has already run: nothing would remove further listeners.
      if (cancel.cancelled) return
    }
  })
}
