/**
 * The mark of a worker: a variable in the environment of its process. Its descendants inherit the mark, so that they are
 * found even in a session of their own or under another parent.
 *
 * The value is the id of the worker, `<gateway>.<worker>`: 128 random bits for the gateway, a number for the worker. No
 * other process can have it by chance. A program that clears the environment of its children clears the mark, too.
 */
import { randomBytes } from 'node:crypto'
import type { WorkerId } from '../../protocol/call.ts'

export const markName = 'MCPLEX_WORKER'

export interface Marks {
  /** The first part of every value. */
  readonly gateway: string
  /** The id of the worker with this number. */
  idOf(worker: number): WorkerId
  /** The variable for a worker. */
  variableOf(worker: number): Readonly<Record<string, string>>
  /** The worker whose mark is in this content of `/proc/<pid>/environ`; undefined if there is none. */
  workerIn(environment: Buffer): number | undefined
}

export function createMarks(): Marks {
  const gateway = randomBytes(16).toString('hex')
  const sought = Buffer.from(`${markName}=${gateway}.`)
  const idOf = (worker: number): WorkerId => `${gateway}.${worker}`
  return {
    gateway,
    idOf,
    variableOf: (worker) => ({ [markName]: idOf(worker) }),
    workerIn(environment) {
      const at = environment.indexOf(sought)
      if (at < 0) return undefined
      const from = at + sought.length
      const end = environment.indexOf(0, from)
      const digits = environment.toString('latin1', from, end < 0 ? environment.length : end)
      return /^\d{1,15}$/.test(digits) ? Number(digits) : undefined
    },
  }
}
