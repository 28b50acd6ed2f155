/**
 * The built command with a small memory budget, and what can be seen of its memory from outside: the bytes it counts, what
 * is in use after a forced collection, the most that was in use, and the most that was ever resident.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../support/eventually.ts'
import { type Mcplex, mcplexForTest, type Started } from '../support/mcplex.ts'

const mebibyte = 1024 ** 2
const leastHeapMiB = 48
/** The young generation of V8, which is no part of the heap that its flag bounds. */
const youngMiB = 48
const preload = join(import.meta.dirname, 'heap-on-signal.mjs')

/** The heap of a target with a budget of so many MiB: four times as large, which is the ratio chosen by default. */
const heapMiBFor = (memoryMiB: number): number => Math.max(leastHeapMiB, 4 * memoryMiB)

/** Flags of a Node that runs mcplex with a budget of so many MiB. */
export function nodeFor(memoryMiB: number): readonly string[] {
  return [`--max-old-space-size=${heapMiBFor(memoryMiB)}`, '--expose-gc', '--import', preload]
}

/**
 * What a process with a budget may take beyond what it takes at rest, in MiB. What is in use has a bound that mcplex keeps:
 * twice the budget, because data costs up to twice its size for a moment. What is resident has one that V8 keeps: it
 * collects garbage when it sees fit, late on a busy machine, but before the heap (with its young generation) is full.
 * Buffers come on top.
 */
export function boundsFor(memoryMiB: number): { readonly inUseMiB: number; readonly residentMiB: number } {
  return { inUseMiB: 2 * memoryMiB, residentMiB: heapMiBFor(memoryMiB) + youngMiB + 2 * memoryMiB }
}

/** What a forced collection leaves, and the most that was in use since the last one, in bytes. */
export interface InUse {
  readonly bytes: number
  readonly mostBytes: number
}

/** Asks a process that was started with `nodeFor`. @param log what it has written, line by line */
export async function askInUse(pid: number, log: () => readonly InUse[]): Promise<InUse> {
  const before = log().length
  process.kill(pid, 'SIGUSR2')
  return eventually('the size of the heap', () => log()[before])
}

/** From now on the process looks what is in use all the time. */
export function watchInUse(pid: number): void {
  process.kill(pid, 'SIGWINCH')
}

export interface Resident {
  /** Resident now. */
  rssBytes(): number
  /** The most that was resident since `forgetPeak`. */
  peakBytes(): number
  forgetPeak(): void
}

export interface Target extends Mcplex, Resident {
  /** What `--memory` says. */
  readonly budgetBytes: number
  /** The bytes that it counts as kept now, as `/health` tells them. */
  heldBytes(): Promise<number>
  /** What is left of its heap, and of buffers outside of it, after a forced collection, in bytes. */
  heapBytes(): Promise<number>
  /** The same, and the most that was in use since it was last asked. Looks for that from the first time on. */
  inUse(): Promise<InUse>
}

/**
 * Starts `mcplex serve` for the test that runs.
 * @param memoryMiB its budget; the heap may become four times as large, and no less than it takes to start
 */
export async function startTarget(memoryMiB: number, started: Started = {}): Promise<Target> {
  const mcplex = await mcplexForTest({
    ...started,
    node: nodeFor(memoryMiB),
    options: ['--memory', `${memoryMiB}mb`, '--log-level', 'warn', ...(started.options ?? [])],
  })
  const heaps = (): readonly InUse[] =>
    mcplex.log
      .filter(({ msg }) => msg === 'heap')
      .map(({ bytes, mostBytes }) => ({ bytes: Number(bytes), mostBytes: Number(mostBytes) }))
  return {
    ...mcplex,
    budgetBytes: memoryMiB * mebibyte,
    async heldBytes() {
      const response = await fetch(`${mcplex.origin}/health`)
      const { memory } = (await response.json()) as { memory: { heldBytes: number } }
      return memory.heldBytes
    },
    async heapBytes() {
      return (await askInUse(mcplex.pid, heaps)).bytes
    },
    inUse() {
      watchInUse(mcplex.pid)
      return askInUse(mcplex.pid, heaps)
    },
    ...residentOf(mcplex.pid),
  }
}

/** What is resident of a process. */
export function residentOf(pid: number): Resident {
  const status = (field: string): number => {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1024
  }
  return {
    rssBytes: () => status('VmRSS'),
    peakBytes: () => status('VmHWM'),
    // [proc(5), clear_refs] sets the peak back to what is resident now
    forgetPeak: () => writeFileSync(`/proc/${pid}/clear_refs`, '5'),
  }
}
