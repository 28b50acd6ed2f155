/** What tests see of processes: from /proc, so on Linux only. */
import { readFileSync, readdirSync } from 'node:fs'

/** Whether the process is there and runs; one that only waits to be collected does not. */
export function runs(pid: number): boolean {
  const state = stat(pid)?.state
  return state !== undefined && state !== 'Z' && state !== 'X'
}

/** The running processes started by `parent` whose command line holds `text`. */
export function childrenOf(parent: number, text: string): number[] {
  return allChildrenOf(parent).filter((pid) => runs(pid) && commandLine(pid).includes(text))
}

/** The environment of a process, a variable each; empty if it cannot be read. */
export function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').filter(Boolean)
  } catch {
    return []
  }
}

/** The part of a server's mark that stands for the gateway that has started it. */
export function gatewayOf(server: number): string {
  const mark = environmentOf(server).find((variable) => variable.startsWith('MCPLEX_WORKER='))
  const gateway = /=(\w+)\./.exec(mark ?? '')?.[1]
  if (gateway === undefined) throw new Error(`process ${server} has no mark`)
  return gateway
}

/** The running processes with the mark of a gateway. */
export function markedBy(gateway: string): number[] {
  return running().filter((pid) => environmentOf(pid).some((name) => name.startsWith(`MCPLEX_WORKER=${gateway}.`)))
}

/** The reapers that run for a gateway. */
export function reapersOf(gateway: string): number[] {
  return running().filter((pid) => environmentOf(pid).includes(`ID=${gateway}`))
}

/** How a process is called, and its whole command line. */
export function namesOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, 'utf8') + commandLine(pid)
}

/** The processes, run or not, whose parent this is. */
export function allChildrenOf(parent: number): number[] {
  return ids().filter((pid) => stat(pid)?.parent === parent)
}

/** All processes that a process has started, and those that these have, run or not. */
export function descendantsOf(pid: number): number[] {
  return allChildrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)])
}

/** The state of a process as one letter: `T` is stopped, `Z` waits to be collected. */
export function stateOf(pid: number): string | undefined {
  return stat(pid)?.state
}

function ids(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0)
}

function running(): number[] {
  return ids().filter(runs)
}

/** The time that the process has spent on processors so far, in milliseconds; Linux counts it in hundredths of a second. */
export function cpuMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** How many bytes the process has written so far. */
export function written(pid: number | undefined): number {
  return Number(/^wchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])
}

/** How many writes this process has asked its system for so far. */
export function writes(): number {
  return Number(/^syscw: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
}

/** Looks until `condition` holds; throws `what` after ten seconds. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within 10 s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function stat(pid: number): { state: string | undefined; parent: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name, in brackets, may hold anything.
    const [state, parent] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state, parent: Number(parent) }
  } catch {
    return undefined
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
