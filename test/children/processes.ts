/** What tests see of processes: from /proc, so on Linux only. */
import { readFileSync, readdirSync } from 'node:fs'

/** Whether the process is there and runs; one that only waits to be collected does not. */
export function runs(pid: number): boolean {
  const state = stat(pid)?.state
  return state !== undefined && state !== 'Z' && state !== 'X'
}

/** The running processes started by `parent` whose command line holds `text`. */
export function childrenOf(parent: number, text: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && stat(pid)?.parent === parent && runs(pid) && commandLine(pid).includes(text))
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
