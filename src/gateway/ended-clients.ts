/**
 * What the clients of ended HTTP+SSE streams said of themselves in their handshakes, for a while: a client that
 * reconnects by itself goes on without another one. Looked up by the key of the stream, which holds its principal.
 */
import type { Clock } from '../base/clock.ts'
import type { Speaker } from '../protocol/call.ts'

/** How long a client may take to come back, and how many are remembered. */
const rememberMs = 60 * 60_000
const maxRemembered = 1000
/** A client that said more of itself is not remembered, in characters. */
const maxDescription = 16 * 1024

export interface EndedClients {
  add(key: string, client: Speaker): void
  /** What the client of a stream said, if it is known; it is forgotten then. */
  take(key: string): Speaker | undefined
}

export function createEndedClients(clock: Clock): EndedClients {
  const clients = new Map<string, { readonly client: Speaker; readonly untilMs: number }>()
  return {
    add(key, client) {
      if (JSON.stringify(client).length > maxDescription) return
      clients.set(key, { client, untilMs: clock.now() + rememberMs })
      for (const [oldest, { untilMs }] of clients) {
        if (clients.size <= maxRemembered && untilMs > clock.now()) break
        clients.delete(oldest)
      }
    },
    take(key) {
      const known = clients.get(key)
      clients.delete(key)
      return known && known.untilMs > clock.now() ? known.client : undefined
    },
  }
}
