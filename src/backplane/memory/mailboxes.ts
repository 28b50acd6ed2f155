/** Mailboxes in memory: a message is delivered before its send returns, unless the receiver is processing another. */
import type { StoredObject, Mailboxes } from '../backplane.ts'
import { seal, type Store } from './store.ts'

interface Box {
  readonly take: (message: StoredObject) => void
  /** Messages sent while the receiver processes another; undefined while it does not. */
  waiting: StoredObject[] | undefined
}

export function createMailboxes(store: Store): Mailboxes {
  const boxes = new Map<string, Box>()
  const deliver = (instance: string, box: Box, first: StoredObject): void => {
    const waiting = (box.waiting = [first])
    for (let message = waiting.shift(); message && boxes.get(instance) === box; message = waiting.shift()) {
      try {
        box.take(message)
      } catch {
        // A failing receiver must not affect the sender.
      }
    }
    box.waiting = undefined
  }
  store.onSweep((nowMs) => {
    if (nowMs === Infinity) boxes.clear()
  })
  return {
    async send(instance, message) {
      store.now()
      const box = boxes.get(instance)
      if (!box) return false
      seal(message)
      if (box.waiting) box.waiting.push(message)
      else deliver(instance, box, message)
      return true
    },
    receive(instance, take) {
      const box: Box = { take, waiting: undefined }
      boxes.set(instance, box)
      return () => {
        if (boxes.get(instance) === box) boxes.delete(instance)
      }
    },
  }
}
