/**
 * The record of a flow in the store: what another instance would need to go on with it. Writes of one flow follow
 * each other, so that the last one stands; docs/storage.md has the key.
 */
import type { Records } from '../../backplane/backplane.ts'
import { bytesOfValue, keep, type MemoryAccount } from '../../base/memory-budget.ts'
import type { Outcome } from '../../protocol/call.ts'
import { heldBytesOf } from '../../protocol/held-bytes.ts'
import type { Continuation } from '../../protocol/bridge/continuation.ts'

export interface ContinuationRecord {
  /** What its server asks with: counted with the flow as long as that is the last that it said. */
  asks(outcome: Outcome): void
  /** Counts what the flow keeps. Throws `memory_share_exceeded` or `overloaded` if that is too much. */
  count(continuation: Continuation): void
  /** Counts it, and resolves when it is stored. Throws `store_unavailable`, and what `count` throws. */
  write(continuation: Continuation): Promise<void>
  /** The flow is over. What cannot be removed is forgotten by its time. */
  remove(): void
}

/**
 * @param ttlMs how long the store keeps it after each write
 * @param memory where its bytes are counted, which is closed with the call
 */
export function createContinuationRecord(
  records: Records,
  key: string,
  ttlMs: number,
  memory: MemoryAccount | undefined,
): ContinuationRecord {
  let counted = 0
  let askedBytes = 0
  let last: Promise<unknown> = Promise.resolve()
  let isBegun = false

  const write = async (continuation: Continuation): Promise<void> => {
    const stored = isBegun ? await records.read(key) : undefined
    isBegun = true
    if (stored) await records.replace(key, { ...continuation }, stored.version, ttlMs)
    else await records.create(key, { ...continuation }, ttlMs)
  }
  const afterLast = <Value>(step: () => Promise<Value>): Promise<Value> => {
    const next = last.then(step)
    last = next.catch(() => undefined)
    return next
  }

  const count = (continuation: Continuation): void => {
    const bytes = bytesOfValue(continuation) + askedBytes
    if (!memory) return
    if (bytes > counted) keep(memory, bytes - counted)
    else memory.release(counted - bytes)
    counted = bytes
  }

  return {
    asks({ answer }) {
      askedBytes = heldBytesOf(answer.kind === 'result' ? answer.result : answer.error)
    },
    count,
    async write(continuation) {
      count(continuation)
      await afterLast(() => write(continuation))
    },
    remove() {
      void afterLast(async () => isBegun && records.remove(key)).catch(() => undefined)
    },
  }
}
