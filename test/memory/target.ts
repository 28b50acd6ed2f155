/**
 * The built command with a small memory budget, and what can be seen of its memory from outside: the bytes it counts,
 * its heap after a forced collection, and the most that was ever resident.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../support/eventually.ts'
import { type Mcplex, mcplexForTest, type Started } from '../support/mcplex.ts'

const mebibyte = 1024 ** 2
const leastHeapMiB = 48
const preload = join(import.meta.dirname, 'heap-on-signal.mjs')

/** Flags of a Node that runs mcplex with a budget of so many MiB. */
export function nodeFor(memoryMiB: number): readonly string[] {
  return [`--max-old-space-size=${Math.max(leastHeapMiB, 4 * memoryMiB)}`, '--expose-gc', '--import', preload]
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
  /** What is left of its heap, and of buffers outside of it, after a forced collection. */
  heapBytes(): Promise<number>
}

/**
 * Starts `mcplex serve` for the test that runs.
 * @param memoryMiB its budget; the heap may become four times as large, which is the ratio that is chosen by default,
 * and no less than it takes to start
 */
export async function startTarget(memoryMiB: number, started: Started = {}): Promise<Target> {
  const mcplex = await mcplexForTest({
    ...started,
    node: nodeFor(memoryMiB),
    options: ['--memory', `${memoryMiB}mb`, '--log-level', 'warn', ...(started.options ?? [])],
  })
  const heaps = (): readonly number[] =>
    mcplex.log.filter(({ msg }) => msg === 'heap').map(({ bytes }) => Number(bytes))
  return {
    ...mcplex,
    budgetBytes: memoryMiB * mebibyte,
    async heldBytes() {
      const response = await fetch(`${mcplex.origin}/health`)
      const { memory } = (await response.json()) as { memory: { heldBytes: number } }
      return memory.heldBytes
    },
    async heapBytes() {
      const before = heaps().length
      mcplex.signal('SIGUSR2')
      return eventually('the size of the heap', () => heaps()[before])
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
