/**
 * The stored record of a continuation: what another instance needs to continue the call. Writes of one record run one
 * after the other, so that the last one wins; docs/storage.md has the key.
 */
import type { Records } from '../../backplane/backplane.ts'
import { bytesOfValue, reserve, type MemoryAccount } from '../../base/memory-budget.ts'
import type { Outcome } from '../../protocol/call.ts'
import { heldBytesOf } from '../../protocol/held-bytes.ts'
import type { Continuation } from '../../protocol/bridge/continuation.ts'

export interface ContinuationRecord {
  /** Notes the outcome that holds the server's input requests: its bytes count with the record until the next round. */
  noteAsked(outcome: Outcome): void
  /** Counts what the continuation keeps. Throws `memory_share_exceeded` or `overloaded` if that is too much. */
  count(continuation: Continuation): void
  /** Counts the continuation, and resolves when it is stored. Throws `store_unavailable`, and what `count` throws. */
  write(continuation: Continuation): Promise<void>
  /** Removes the record. If that fails, it expires by its time to live. */
  remove(): void
}

/**
 * @param ttlMs how long the store keeps the record after each write, in milliseconds
 * @param memory counts its bytes; closed with the call
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
    if (bytes > counted) reserve(memory, bytes - counted)
    else memory.release(counted - bytes)
    counted = bytes
  }

  return {
    noteAsked({ answer }) {
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
