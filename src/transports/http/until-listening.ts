/** Waits until a server listens. */
import type { Server } from 'node:http'

/**
 * @param start calls `server.listen`
 * @returns resolves once it listens; rejects with node's error if it cannot
 */
export function untilListening(server: Server, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('listening', () => {
      server.off('error', reject)
      resolve()
    })
    start()
  })
}
