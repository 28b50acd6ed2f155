/** A stdio command as a server program: starts the processes that run it, and ends all of them. */
import type { PooledUpstreamNeeds } from '../pooled/pooled-upstream-needs.ts'
import type { ServerProgram } from '../pooled/server-program.ts'
import { createChildren } from './children.ts'
import { commandStartError } from './command-start-error.ts'
import { createDirectStart } from './direct-start.ts'
import type { StdioSettings } from './options.ts'

export interface StdioProgramNeeds extends Pick<PooledUpstreamNeeds, 'clock' | 'log' | 'events' | 'memory'> {
  readonly settings: PooledUpstreamNeeds['settings'] & StdioSettings
}

export function createStdioProgram({ settings, clock, log, events, memory }: StdioProgramNeeds): ServerProgram {
  const { command, args, env, cwd, maxLineBytes, startTimeoutMs } = settings
  const children = createChildren({ clock, log, events, memory, maxLineBytes, path: env['PATH'] })
  const { start, answered } = createDirectStart({
    command: { command, args, env, cwd },
    startChild: children.start,
    clock,
    log,
    startTimeoutMs,
  })
  return {
    start,
    answered,
    startError: (failure) => commandStartError(settings, failure),
    close: (isForced) => children.close(isForced),
  }
}
