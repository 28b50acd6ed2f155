/**
 * What the clients of ended HTTP+SSE streams said of themselves in their handshakes, for a while: a client that
 * reconnects by itself goes on without another one. Looked up by the key of the stream, which holds its principal.
 */
import { bytesOf, bytesOfValue, type MemoryAccount } from '../../base/memory-budget.ts'
import type { CoarseTimers } from '../../base/coarse-timers.ts'
import type { ClientDescription } from '../../protocol/call.ts'

/** How many are remembered. */
const maxRemembered = 1000
/** A client that said more of itself is not remembered, in bytes as it is held. */
const maxDescription = 16 * 1024
/** What one takes besides what it said, in bytes. */
const clientBytes = 512

export interface EndedSseClients {
  add(key: string, client: ClientDescription): void
  /** What the client of a stream said, if it is known; it is forgotten then. */
  take(key: string): ClientDescription | undefined
}

interface Remembered {
  readonly client: ClientDescription
  readonly bytes: number
  /** Stops its time. */
  readonly stop: () => void
}

/** @param rememberMs how long a client may take to come back */
export function createEndedSseClients(
  timers: CoarseTimers,
  rememberMs: number,
  memory: MemoryAccount,
): EndedSseClients {
  const clients = new Map<string, Remembered>()
  const remove = (key: string): ClientDescription | undefined => {
    const known = clients.get(key)
    if (!known) return undefined
    clients.delete(key)
    known.stop()
    memory.release(known.bytes)
    return known.client
  }
  return {
    add(key, client) {
      const bytes = clientBytes + bytesOf(key) + bytesOfValue(client)
      if (bytes > maxDescription) return
      remove(key)
      const oldest = clients.keys().next().value
      if (clients.size >= maxRemembered && oldest !== undefined) remove(oldest)
      // Without memory to spare, those that are there come before those that may come back.
      if (memory.take(bytes) !== 'kept') return
      clients.set(key, { client, bytes, stop: timers.after(rememberMs, () => void remove(key)) })
    },
    take: remove,
  }
}
