/**
 * Detects the version of HTTP of a connection. Over TLS the handshake decides it (ALPN). In cleartext the first bytes
 * do: a client that uses HTTP/2 by prior knowledge begins with a preface that no HTTP/1.1 request begins with. [RFC
 * 9113, 3.3 and 3.4] Puts back the bytes that it has read.
 */
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../base/clock.ts'

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

/** What to do with a connection once its version is known. */
export interface ProtocolHandlers {
  http1(socket: Socket): void
  http2(socket: Socket): void
  /** A client that has sent nothing in time, or too little to decide. */
  silent(socket: Socket): void
}

export interface ProtocolDetect {
  /** Takes a connection in cleartext. */
  take(socket: Socket): void
  /** Notes a connection whose TLS handshake is about to begin. */
  await(socket: Socket): void
  /** Takes a connection whose TLS handshake is done. */
  takeSecure(socket: TLSSocket): void
  /** Ends connections that have sent nothing yet: no answer is due on them. */
  drain(): void
  /** Cuts connections that have sent nothing yet, and all TLS connections. */
  cut(): void
  close(): void
}

export function createProtocolDetect(
  handlers: ProtocolHandlers,
  limits: { headersMs: number; checkEveryMs: number; clock: Clock },
): ProtocolDetect {
  const { clock, headersMs } = limits
  /** Connections of unknown version, in the order in which they came. */
  const waiting = new Map<Socket, { readonly sinceMs: number; readonly stop: () => void }>()
  /** The sockets below TLS, before and after their handshakes. */
  const tlsSockets = new Set<Socket>()
  let isDraining = false
  const checks = clock.every(limits.checkEveryMs, () => {
    const oldest = clock.now() - headersMs
    for (const [socket, { sinceMs, stop }] of waiting) {
      // The map is in order of time.
      if (sinceMs > oldest) break
      stop()
      handlers.silent(socket)
    }
  })

  function endWaiting(): void {
    for (const [socket, { stop }] of waiting) {
      stop()
      socket.destroy()
    }
  }

  return {
    take(socket) {
      ignoreErrors(socket)
      let seen: Buffer | undefined
      const stop = (): void => {
        waiting.delete(socket)
        socket.off('data', look)
        socket.off('end', leave)
        socket.off('close', stop)
        socket.off('error', stop)
      }
      const leave = (): void => {
        stop()
        socket.destroy()
      }
      const look = (chunk: Buffer): void => {
        seen = seen === undefined ? chunk : Buffer.concat([seen, chunk])
        const length = Math.min(seen.length, preface.length)
        const isPreface = preface.compare(seen, 0, length, 0, length) === 0
        if (isPreface && length < preface.length) return
        stop()
        socket.pause()
        socket.unshift(seen)
        if (isPreface) handlers.http2(socket)
        else {
          handlers.http1(socket)
          socket.resume()
        }
      }
      socket.on('data', look)
      socket.on('end', leave)
      socket.on('close', stop)
      socket.on('error', stop)
      waiting.set(socket, { sinceMs: clock.now(), stop })
    },
    await(socket) {
      ignoreErrors(socket)
      tlsSockets.add(socket)
      socket.once('close', () => tlsSockets.delete(socket))
    },
    takeSecure(socket) {
      ignoreErrors(socket)
      if (isDraining) socket.destroy()
      else if (socket.alpnProtocol === 'h2') handlers.http2(socket)
      else handlers.http1(socket)
    },
    drain() {
      isDraining = true
      endWaiting()
    },
    cut() {
      endWaiting()
      for (const socket of tlsSockets) socket.destroy()
    },
    close: () => checks.stop(),
  }
}

/**
 * Adds an error listener for the whole life of a connection: node removes its own from connections that it passes on (a
 * CONNECT, an upgrade, input that is not HTTP), and an error without a listener ends the process. The failure itself is
 * noticed by the `close` event.
 */
function ignoreErrors(socket: Socket): void {
  socket.on('error', ignore)
}

function ignore(): void {}
