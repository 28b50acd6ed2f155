/** Which limits of a server this machine cannot enforce, or this user may not: found without starting anything. */
import { existsSync } from 'node:fs'
import { enforcedByGroups } from './control-group-limits.ts'
import { type LimitName, type WorkerLimitSettings, limitsOf } from './limits.ts'
import { systemUser } from './system-user.ts'

export interface UnenforceableLimit {
  readonly key: 'limitMemoryBytes' | 'limitCpu' | 'limitPids' | 'limitUser'
  /** Completes a sentence that begins with the setting. */
  readonly fault: string
  /** What to do, best first. */
  readonly ways: readonly string[]
  /** Whether `limits.bestEffort` lets the server be started all the same. */
  readonly isExcusable: boolean
}

interface Settings extends WorkerLimitSettings {
  readonly limitUser: string | undefined
}

const keys = { memory: 'limitMemoryBytes', cpu: 'limitCpu', pids: 'limitPids' } as const
const groupWays = [
  'run mcplex in a unit of systemd with Delegate=yes, or in a container that may write to its own control group (v2)',
  'limits.bestEffort: true starts the server without this limit',
]

/** Without those that are enforced. @param machine what can be enforced */
export function unenforceableLimits(settings: Settings, machine: Machine = limitsOfMachine()): UnenforceableLimit[] {
  const found: UnenforceableLimit[] = []
  const limits = limitsOf(settings)
  for (const name of ['memory', 'cpu', 'pids'] as const) {
    if (limits[name] === undefined || machine.groups.has(name) || (name === 'memory' && machine.hasProc)) continue
    const fault = 'cannot be enforced here: mcplex may make no control groups that limit it'
    found.push({ key: keys[name], fault, ways: groupWays, isExcusable: true })
  }
  const { limitUser } = settings
  if (limitUser === undefined) return found
  const user = { key: 'limitUser', isExcusable: false } as const
  if (!machine.isRoot)
    return [
      ...found,
      { ...user, fault: 'needs root', ways: ['run mcplex as root', 'leave it out, and run mcplex as that user'] },
    ]
  if (!machine.hasUser(limitUser))
    return [...found, { ...user, fault: 'is no user of this machine', ways: [`useradd --system ${limitUser}`] }]
  return found
}

export interface Machine {
  /** What control groups can limit here. */
  readonly groups: ReadonlySet<LimitName>
  /** Whether the memory of processes can be read. */
  readonly hasProc: boolean
  readonly isRoot: boolean
  hasUser(name: string): boolean
}

/** @param groups what control groups can limit here; else what they seem to */
export function limitsOfMachine(groups: ReadonlySet<LimitName> = enforcedByGroups()): Machine {
  return {
    groups,
    hasProc: existsSync('/proc/self/statm'),
    isRoot: process.getuid?.() === 0,
    hasUser: (name) => systemUser(name) !== undefined,
  }
}
