/**
 * The record of a flow in the store: what another instance would need to go on with it. Writes of one flow follow
 * each other, so that the last one stands; docs/storage.md has the key.
 */
import type { Records } from '../backplane/backplane.ts'
import type { Flow } from '../protocol/rounds.ts'

export interface FlowRecord {
  /** Resolves when it is stored. Throws `store_unavailable`. */
  write(flow: Flow): Promise<void>
  /** The flow is over. What cannot be removed is forgotten by its time. */
  remove(): void
}

/** @param ttlMs how long the store keeps it after each write */
export function createFlowRecord(records: Records, key: string, ttlMs: number): FlowRecord {
  let last: Promise<unknown> = Promise.resolve()
  let isBegun = false

  const write = async (flow: Flow): Promise<void> => {
    const stored = isBegun ? await records.read(key) : undefined
    isBegun = true
    if (stored) await records.replace(key, { ...flow }, stored.version, ttlMs)
    else await records.create(key, { ...flow }, ttlMs)
  }
  const afterLast = <Value>(step: () => Promise<Value>): Promise<Value> => {
    const next = last.then(step)
    last = next.catch(() => undefined)
    return next
  }

  return {
    write: (flow) => afterLast(() => write(flow)),
    remove() {
      void afterLast(async () => isBegun && records.remove(key)).catch(() => undefined)
    },
  }
}
