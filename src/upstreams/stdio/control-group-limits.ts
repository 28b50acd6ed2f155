/**
 * Limits by control groups (v2). A group can limit its children only if it has no processes of its own, unless it is the
 * root of all: so our own process, those that have started it and those that it has started move into a child, if there
 * are no others. [cgroup-v2, "No Internal Process Constraint"]
 */
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { statOf } from '../../base/proc-stat.ts'
import { ownGroup } from './own-control-group.ts'
import { isOwnReaper } from './reaper.ts'
import type { LimitName, WorkerLimits } from './limits.ts'

const controllers: readonly LimitName[] = ['memory', 'cpu', 'pids']
/** The period that the share of a core is of, in microseconds. */
const cpuPeriod = 100_000
/** The group that our process moves into; own-control-group.ts knows it. */
const selfName = 'mcplex-self'

/** What can be limited here, as far as can be seen without changing anything. @param own our group, for tests */
export function enforcedByGroups(own: string | undefined = ownGroup()): ReadonlySet<LimitName> {
  if (own === undefined) return new Set()
  try {
    accessSync(own, constants.W_OK)
    accessSync(`${own}/cgroup.subtree_control`, constants.W_OK)
  } catch {
    return new Set()
  }
  const enabled = wordsIn(`${own}/cgroup.subtree_control`)
  // The root of all has no type, and may limit its children in any case.
  const mayEnable = wordsIn(`${own}/cgroup.type`).size === 0 || areOurs(membersOf(own))
  const there = mayEnable ? wordsIn(`${own}/cgroup.controllers`) : enabled
  return new Set(controllers.filter((name) => there.has(name)))
}

/**
 * Has the children of `folder`, a child of our group, be limited.
 * @returns what can be limited there
 */
export function enableLimits(own: string, folder: string): ReadonlySet<LimitName> {
  const wanted = enforcedByGroups(own)
  const enabled = wordsIn(`${own}/cgroup.subtree_control`)
  const all = [...wanted].map((name) => `+${name}`).join(' ')
  try {
    if ([...wanted].some((name) => !enabled.has(name))) enableIn(own, all)
    writeFileSync(`${folder}/cgroup.subtree_control`, all)
    return wanted
  } catch {
    return new Set()
  }
}

/** A process that we have started meanwhile may be in the way: so often it is tried again. */
const attempts = 5

function enableIn(own: string, all: string): void {
  for (let attempt = 1; ; attempt++) {
    const pids = membersOf(own)
    if (pids.length > 0 && areOurs(pids)) {
      mkdirSync(`${own}/${selfName}`, { recursive: true })
      for (const pid of pids) moveAside(own, pid)
    }
    try {
      return writeFileSync(`${own}/cgroup.subtree_control`, all)
    } catch (error) {
      if (attempt === attempts) throw error
    }
  }
}

/** One at a time: that is how the kernel takes them. */
function moveAside(own: string, pid: number): void {
  try {
    writeFileSync(`${own}/${selfName}/cgroup.procs`, `${pid}`)
  } catch (error) {
    if (statOf(pid)) throw error
  }
}

/** Sets the limits of a group. Throws if one cannot be set. */
export function setLimits(path: string, limits: WorkerLimits): void {
  const { memory, cpu, pids } = limits
  if (memory !== undefined) {
    writeFileSync(`${path}/memory.max`, `${memory}`)
    // All its processes end at once, and not the one that happens to be chosen.
    writeFileSync(`${path}/memory.oom.group`, '1')
    try {
      writeFileSync(`${path}/memory.swap.max`, '0')
    } catch {
      // There is no swap.
    }
  }
  if (cpu !== undefined) writeFileSync(`${path}/cpu.max`, `${(cpu * cpuPeriod) / 100} ${cpuPeriod}`)
  if (pids !== undefined) writeFileSync(`${path}/pids.max`, `${pids}`)
}

/** Whether the kernel has ended processes of a group because they needed more memory than its limit. */
export function hasExceededMemory(path: string): boolean {
  try {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync(`${path}/memory.events`, 'utf8'))?.[1] ?? 0) > 0
  } catch {
    return false
  }
}

/**
 * Whether these are our process, those that have started it, such as a package runner, and those that it has started:
 * workers on their way into their groups, and reapers, which have left our process tree.
 */
function areOurs(pids: readonly number[]): boolean {
  const ancestors = new Set(lineOf(process.pid))
  return pids.every((pid) => ancestors.has(pid) || lineOf(pid).includes(process.pid) || isOwnReaper(pid))
}

/** The process and all those above it. */
function lineOf(pid: number): readonly number[] {
  const line: number[] = []
  for (let one = pid; one > 0 && !line.includes(one); one = statOf(one)?.parent ?? 0) line.push(one)
  return line
}

function membersOf(group: string): readonly number[] {
  return [...wordsIn(`${group}/cgroup.procs`)].map(Number)
}

function wordsIn(file: string): ReadonlySet<string> {
  try {
    return new Set(readFileSync(file, 'utf8').split(/\s+/).filter(Boolean))
  } catch {
    return new Set()
  }
}
