/**
 * Requests of the server that the client has not answered. Bounded in number and counted as memory: where there is no
 * room for one more, all are forgotten, since a server with so many does not wait for the oldest ones.
 */
import { bytesOf, type MemoryAccount } from '../base/memory-budget.ts'
import { idKey, type RpcId } from '../protocol/jsonrpc.ts'

const maxRequests = 1024

export class UnansweredRequests {
  readonly #memory: MemoryAccount
  readonly #ids = new Map<string, RpcId>()

  constructor(memory: MemoryAccount) {
    this.#memory = memory
  }

  add(id: RpcId): void {
    const key = idKey(id)
    if (this.#ids.has(key)) return
    if (this.#ids.size >= maxRequests || this.#memory.take(heldBytes(key)) !== 'reserved') {
      this.drain()
      this.#memory.add(heldBytes(key))
    }
    this.#ids.set(key, id)
  }

  /** Returns false for an id that is not among them. */
  remove(id: RpcId): boolean {
    const key = idKey(id)
    const isFound = this.#ids.delete(key)
    if (isFound) this.#memory.release(heldBytes(key))
    return isFound
  }

  /** Removes all and returns their ids. */
  drain(): RpcId[] {
    const ids = [...this.#ids.values()]
    for (const key of this.#ids.keys()) this.#memory.release(heldBytes(key))
    this.#ids.clear()
    return ids
  }
}

/** The memory of a request, in bytes: its id is kept as sent and as a key. */
function heldBytes(key: string): number {
  return 2 * bytesOf(key)
}
