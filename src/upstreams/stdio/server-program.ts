/** The program of a server, as the settings name it: starts the processes that run it, and ends all of them. */
import type { Clock } from '../../base/clock.ts'
import type { EventSink } from '../../base/events.ts'
import type { Log } from '../../base/log.ts'
import type { MemoryBudget } from '../../base/memory-budget.ts'
import type { UpstreamSettings } from '../options.ts'
import { createChildren } from './children.ts'
import { createDirectStart, type DirectStart } from './direct-start.ts'

export interface ServerProgram extends DirectStart {
  /**
   * Ends all processes, also those that are still being started, and starts none any more: step by step, or by SIGKILL
   * at once if `isForced`, also after a first close. Resolves when none is left.
   */
  close(isForced: boolean): Promise<void>
}

export interface ServerProgramNeeds {
  readonly settings: UpstreamSettings
  readonly clock: Clock
  readonly log: Log
  readonly events: EventSink
  /** Counts what calls and workers keep. */
  readonly memory: MemoryBudget
}

export function createServerProgram({ settings, clock, log, events, memory }: ServerProgramNeeds): ServerProgram {
  const { command, args, env, cwd, maxLineBytes, startTimeoutMs } = settings
  const children = createChildren({ clock, log, events, memory, maxLineBytes, path: env['PATH'] })
  const { start, answered } = createDirectStart({
    command: { command, args, env, cwd },
    startChild: children.start,
    clock,
    log,
    startTimeoutMs,
  })
  return { start, answered, close: (isForced) => children.close(isForced) }
}
