/** A stdio command as a server program: starts the processes that run it, and ends all of them. */
import type { PooledUpstreamNeeds } from '../pooled/pooled-upstream-needs.ts'
import type { ServerProgram } from '../pooled/server-program.ts'
import { createChildren } from './children.ts'
import { commandStartError } from './command-start-error.ts'
import { createDirectStart } from './direct-start.ts'
import { limitsOf } from './limits.ts'
import { LimitError, limitPaths } from './limit-error.ts'
import type { StdioSettings } from './options.ts'
import type { MemoryScan } from './memory-scan.ts'
import { systemUser } from './system-user.ts'
import { limitsOfMachine, type UnenforceableLimit, unenforceableLimits } from './unenforceable-limits.ts'

export interface StdioProgramNeeds extends Pick<PooledUpstreamNeeds, 'clock' | 'log' | 'events' | 'memory'> {
  readonly settings: PooledUpstreamNeeds['settings'] & StdioSettings
  /** Looks at the memory of processes, for all servers at once; else this one has its own. */
  readonly memoryScan?: MemoryScan
}

export function createStdioProgram({
  settings,
  clock,
  log,
  events,
  memory,
  memoryScan,
}: StdioProgramNeeds): ServerProgram {
  const { command, args, env, cwd, maxLineBytes, startTimeoutMs, limitUser, recycleMemoryBytes } = settings
  const common = { clock, log, events, memory, memoryScan, maxLineBytes }
  const limits = limitsOf(settings)
  const children = createChildren({ ...common, path: env['PATH'], limits, looksAtMemory: recycleMemoryBytes > 0 })
  const user = limitUser === undefined ? undefined : systemUser(limitUser)
  const { start, answered } = createDirectStart({
    command: { command, args, env, cwd, user },
    startChild: children.start,
    clock,
    log,
    startTimeoutMs,
  })
  const checked = (lacking: readonly UnenforceableLimit[]): readonly UnenforceableLimit[] => {
    const refused = lacking.find(({ isExcusable }) => !isExcusable || !settings.limitBestEffort)
    if (refused) throw new LimitError(refused)
    return lacking
  }
  return {
    async load() {
      let lacking = checked(unenforceableLimits(settings))
      // What seems possible may fail. Before the first `await`: processes that other servers start may stand in the way.
      if (Object.keys(limits).length > 0)
        lacking = checked(unenforceableLimits(settings, limitsOfMachine(children.enforceLimits())))
      const names = lacking.map(({ key }) => limitPaths[key]).join(', ')
      if (names !== '')
        log.warn({ limits: names }, 'limits of the server cannot be enforced here, and it is started without')
    },
    recycleMemoryBytes,
    start,
    answered,
    startError: (failure) => commandStartError(settings, failure),
    close: (isForced) => children.close(isForced),
  }
}
