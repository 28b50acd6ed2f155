/**
 * Limits by control groups (v2). A group can limit its children only if it has no processes of its own, unless it is the
 * root of all: so our own process and those that have started it move into a child if there are no others.
 * [cgroup-v2, "No Internal Process Constraint"]
 */
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { statOf } from '../../base/proc-stat.ts'
import { ownGroup } from './own-control-group.ts'
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
  const mayEnable = wordsIn(`${own}/cgroup.type`).size === 0 || isAlone(own)
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
    if ([...wanted].some((name) => !enabled.has(name))) {
      const pids = wordsIn(`${own}/cgroup.procs`)
      if (pids.size > 0 && isAlone(own)) {
        mkdirSync(`${own}/${selfName}`, { recursive: true })
        // One at a time: that is how the kernel takes them.
        for (const pid of pids) writeFileSync(`${own}/${selfName}/cgroup.procs`, pid)
      }
      writeFileSync(`${own}/cgroup.subtree_control`, all)
    }
    writeFileSync(`${folder}/cgroup.subtree_control`, all)
    return wanted
  } catch {
    return new Set()
  }
}

/** Sets the limits of a group. Throws if one cannot be set. */
export async function setLimits(path: string, limits: WorkerLimits): Promise<void> {
  const { memory, cpu, pids } = limits
  if (memory !== undefined) {
    await writeFile(`${path}/memory.max`, `${memory}`)
    // All its processes end at once, and not the one that happens to be chosen.
    await writeFile(`${path}/memory.oom.group`, '1')
    // There may be no swap.
    await writeFile(`${path}/memory.swap.max`, '0').catch(() => {})
  }
  if (cpu !== undefined) await writeFile(`${path}/cpu.max`, `${(cpu * cpuPeriod) / 100} ${cpuPeriod}`)
  if (pids !== undefined) await writeFile(`${path}/pids.max`, `${pids}`)
}

/** Whether the kernel has ended processes of a group because they needed more memory than its limit. */
export function hasExceededMemory(path: string): boolean {
  try {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync(`${path}/memory.events`, 'utf8'))?.[1] ?? 0) > 0
  } catch {
    return false
  }
}

/** Whether only our process is in the group, and those that have started it, such as a package runner. */
function isAlone(own: string): boolean {
  const line = new Set<string>()
  for (let pid = process.pid; pid > 0 && !line.has(`${pid}`); pid = statOf(pid)?.parent ?? 0) line.add(`${pid}`)
  return [...wordsIn(`${own}/cgroup.procs`)].every((pid) => line.has(pid))
}

function wordsIn(file: string): ReadonlySet<string> {
  try {
    return new Set(readFileSync(file, 'utf8').split(/\s+/).filter(Boolean))
  } catch {
    return new Set()
  }
}
