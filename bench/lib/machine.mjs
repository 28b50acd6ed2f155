// What the bench asks of Linux: which cores there are, and what a process has used, by /proc.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'

const read = (path) => readFileSync(path, 'utf8')

/** Fields of /proc/<pid>/stat after the command name: [0] is the state, [1] the parent. */
function statOf(pid) {
  const text = read(`/proc/${pid}/stat`)
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

const msPerTick = 1000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/**
 * CPU time in ms (user and system, all threads that live) of this process alone; its children are not in it. Where the
 * kernel tells nanoseconds: a tick of /proc/<pid>/stat is a fiftieth of half a second.
 */
export function cpuMsOf(pid) {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    const ns = threads.map((thread) => Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0]))
    return ns.reduce((sum, one) => sum + one, 0) / 1e6
  } catch {
    const stat = statOf(pid)
    return (Number(stat[11]) + Number(stat[12])) * msPerTick
  }
}

/** The same with what its ended and reaped children used. */
export function cpuMsWithReapedOf(pid) {
  return statOf(pid)
    .slice(11, 15)
    .reduce((sum, ticks) => sum + Number(ticks) * msPerTick, 0)
}

/** Resident memory in KiB of this process alone. */
export function rssKiBOf(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))[1])
}

/** Pids of all processes below this one, now. */
export function descendantsOf(pid) {
  const parents = new Map()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      parents.set(Number(entry), Number(statOf(entry)[1]))
    } catch {
      // It ended between the listing and the look.
    }
  }
  const found = new Set([pid])
  for (let grown = true; grown;) {
    grown = false
    for (const [child, parent] of parents) if (found.has(parent) && !found.has(child)) grown = Boolean(found.add(child))
  }
  found.delete(pid)
  return found
}

/** How many files this process and those it starts may open. */
export function fileLimit() {
  return Number(/Max open files\s+(\d+)/.exec(read('/proc/self/limits'))[1])
}

function allowedCores() {
  const list = /Cpus_allowed_list:\s+(\S+)/.exec(read('/proc/self/status'))[1]
  return list.split(',').flatMap((part) => {
    const [from, to = from] = part.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, index) => from + index)
  })
}

function hasTaskset() {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Where things run: `prefix(role)` is what to write before a command so that 'load' and 'server' have a core each. */
export function placement() {
  const cores = allowedCores()
  if (!hasTaskset() || cores.length < 2)
    return { words: 'NOT PINNED (needs taskset and two cores): ratios will wander', prefix: () => [] }
  const core = { load: cores[0], server: cores[1] }
  return {
    words: `generator on core ${core.load}; server and its children on core ${core.server}`,
    prefix: (role) => ['taskset', '-c', String(core[role])],
  }
}

/** CPU time in ms that all processes used on all cores since boot, time taken by other virtual machines included. */
export function busyMs() {
  const fields = read('/proc/stat').split('\n')[0].trim().split(/\s+/).slice(1, 9).map(Number)
  const [idle, waiting] = [fields[3], fields[4]]
  return (fields.reduce((a, b) => a + b, 0) - idle - waiting) * msPerTick
}

export const coreCount = () => cpus().length

/** One line about the machine. */
export function machineWords() {
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} x ${cpus()[0].model}, ${memory} GiB, Linux, Node ${process.version}`
}
