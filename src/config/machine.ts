/** What configuration takes from the machine: our environment and the memory we may use. Handed in, for tests. */
import { totalmem } from 'node:os'

export interface Machine {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Bytes of memory, the limit of our container included. */
  readonly memoryBytes: number
}

/** The machine that we run on. The only place that reads `process.env`. */
export function thisMachine(): Machine {
  const total = totalmem()
  // Zero, or a number beyond all memory, where no limit is set.
  const limit = process.constrainedMemory()
  return { env: process.env, memoryBytes: limit > 0 && limit < total ? limit : total }
}
