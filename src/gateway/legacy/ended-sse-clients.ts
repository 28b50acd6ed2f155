/**
 * Keeps the client descriptions of ended HTTP+SSE streams for a while, because a client that reconnects by itself sends
 * no second handshake. Looked up by the key of the stream, which includes its principal.
 */
import { bytesOf, bytesOfValue, type MemoryAccount } from '../../base/memory-budget.ts'
import type { CoarseTimers } from '../../base/coarse-timers.ts'
import type { ClientDescription } from '../../protocol/call.ts'

/** How many clients are remembered. */
const maxRemembered = 1000
/** A larger description is not remembered, in bytes as it is held. */
const maxDescription = 16 * 1024
/** Memory of an entry besides its key and description, in bytes. */
const clientBytes = 512

export interface EndedSseClients {
  add(key: string, client: ClientDescription): void
  /** Removes and returns the description of the client of a stream, if it is known. */
  take(key: string): ClientDescription | undefined
}

interface Remembered {
  readonly client: ClientDescription
  readonly bytes: number
  /** Stops the timer that removes it. */
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
      // When memory is short, connected clients come before those that may reconnect.
      if (memory.take(bytes) !== 'reserved') return
      clients.set(key, { client, bytes, stop: timers.after(rememberMs, () => void remove(key)) })
    },
    take: remove,
  }
}
