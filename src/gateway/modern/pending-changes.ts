/** Changes that a listening stream has not been told yet: one for each thing that changed, so that a slow reader is bounded. */
import type { MemoryAccount } from '../../base/memory-budget.ts'
import type { Notification } from '../../protocol/call.ts'
import { heldBytesOf } from '../../protocol/held-bytes.ts'

export interface PendingChanges {
  /** Notes a change; what was said of the same thing before is forgotten. */
  add(change: Notification): void
  /** The first that was noted and not taken. */
  take(): Notification | undefined
  /** Whether there was no memory for one of them: the stream cannot go on as if nothing was missed. */
  readonly areLost: boolean
}

/** What a change takes besides what it says, in bytes. */
const changeBytes = 256

export function createPendingChanges(memory: MemoryAccount): PendingChanges {
  const changes = new Map<string, Notification>()
  let areLost = false
  const remove = (key: string, change: Notification | undefined): void => {
    if (change && changes.delete(key)) memory.release(changeBytes + heldBytesOf(change.params))
  }
  return {
    add(change) {
      const uri = change.params?.value['uri']
      const key = `${change.method} ${typeof uri === 'string' ? uri : ''}`
      remove(key, changes.get(key))
      if (memory.take(changeBytes + heldBytesOf(change.params)) === 'kept') changes.set(key, change)
      else areLost = true
    },
    take() {
      const [key, change] = changes.entries().next().value ?? []
      if (key !== undefined) remove(key, change)
      return change
    },
    get areLost() {
      return areLost
    },
  }
}
