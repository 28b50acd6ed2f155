/** A child that is started with real parts, and everything it told. */
import { type Clock, systemClock } from '../../src/base/clock.ts'
import type { EventName, EventSink, Events } from '../../src/base/events.ts'
import { silentLog } from '../../src/base/log.ts'
import { createMemoryBudget } from '../../src/base/memory-budget.ts'
import type { LineListener } from '../../src/upstreams/connection/line-transport.ts'
import type { Child, ChildSettings } from '../../src/upstreams/stdio/child.ts'
import { type Containment, createContainment } from '../../src/upstreams/stdio/containment.ts'
import { spawnChild } from '../../src/upstreams/stdio/spawn.ts'
import type { WorkerExit } from '../../src/upstreams/worker-exit.ts'
import { until } from './processes.ts'

/** Real time, but each wait is a tenth as long. */
export const quickClock: Clock = {
  now: systemClock.now,
  after: (ms, task) => systemClock.after(ms / 10, task),
  every: (ms, task) => systemClock.every(ms / 10, task),
}

export interface Recorded {
  readonly child: Child
  readonly lines: string[]
  readonly dropped: number[]
  readonly exits: WorkerExit[]
  readonly events: Array<{ name: EventName; event: Events[EventName] }>
  readonly listener: LineListener
  /** Waits until the exit was told. */
  exit(): Promise<WorkerExit>
  /** Waits for so many lines. */
  seen(count: number): Promise<string[]>
}

/** Starts children, and ends all of them at the end. */
export interface Nursery {
  readonly containment: Containment
  start(command: string, args: readonly string[], settings?: Partial<ChildSettings> & { silent?: boolean }): Recorded
  /** The same for a script of `sh`. */
  sh(script: string, settings?: Partial<ChildSettings> & { silent?: boolean }): Recorded
  end(): Promise<void>
}

/** @param mayUseControlGroups false to see what marks and process groups do alone */
export function openNursery(mayUseControlGroups = true): Nursery {
  const containment = createContainment({ clock: systemClock, log: silentLog, mayUseControlGroups })
  const children: Child[] = []
  const memory = createMemoryBudget(Infinity)
  const nursery: Nursery = {
    containment,
    start(command, args, { silent = false, ...settings } = {}) {
      const lines: string[] = []
      const dropped: number[] = []
      const exits: WorkerExit[] = []
      const seen: Recorded['events'] = []
      const events: EventSink = { emit: (name, event) => void seen.push({ name, event }) }
      const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' }
      const child = spawnChild(
        { command, args, env, cwd: undefined },
        {
          clock: quickClock,
          log: silentLog,
          events,
          containment,
          memory,
          maxLineBytes: 1 << 20,
          purpose: 'test',
          ...settings,
        },
      )
      children.push(child)
      const listener: LineListener = {
        line: (text) => void lines.push(text),
        exit: (exit) => void exits.push(exit),
        dropped: ({ bytes }) => void dropped.push(bytes),
      }
      if (!silent) child.listen(listener)
      return {
        child,
        lines,
        dropped,
        exits,
        events: seen,
        listener,
        async exit() {
          await until('the exit of a child is told', () => exits.length > 0)
          const [exit] = exits
          if (!exit) throw new Error('no exit')
          return exit
        },
        async seen(count) {
          await until(`${count} lines`, () => lines.length >= count)
          return lines
        },
      }
    },
    sh: (script, settings) => nursery.start('/bin/sh', ['-c', script], settings),
    async end() {
      for (const child of children) child.kill()
      await Promise.all(children.map((child) => child.close()))
      await containment.close()
    },
  }
  return nursery
}
