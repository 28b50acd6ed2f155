/**
 * Which version of HTTP a connection speaks. Over TLS the handshake has settled it (ALPN). In cleartext the first
 * bytes tell: a client that speaks HTTP/2 by prior knowledge begins with a preface that no HTTP/1.1 request begins
 * with. [RFC 9113, 3.3 and 3.4] Looks at no byte beyond that, and puts back what it has seen.
 */
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../base/clock.ts'

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

/** Where connections go on. */
export interface ProtocolHandlers {
  messages(socket: Socket): void
  streams(socket: Socket): void
  /** A client that has said nothing in time, or not enough to tell. */
  silent(socket: Socket): void
}

export interface ProtocolDetect {
  /** A connection in cleartext. */
  take(socket: Socket): void
  /** A connection whose handshake is about to begin. */
  await(socket: Socket): void
  /** A connection whose handshake is done. */
  takeSecure(socket: TLSSocket): void
  /** From now on a connection that has said nothing yet is ended: nothing is owed to it. */
  drain(): void
  /** Cuts those that have said nothing yet, and all that were secured. */
  cut(): void
  close(): void
}

export function createProtocolDetect(
  ways: ProtocolHandlers,
  limits: { headersMs: number; checkEveryMs: number; clock: Clock },
): ProtocolDetect {
  const { clock, headersMs } = limits
  /** Those of which is not known yet what they speak, with when they came. */
  const waiting = new Map<Socket, { readonly sinceMs: number; readonly stop: () => void }>()
  /** Those below TLS, secured or not. */
  const below = new Set<Socket>()
  let isDraining = false
  const lookout = clock.every(limits.checkEveryMs, () => {
    const oldest = clock.now() - headersMs
    for (const [socket, { sinceMs, stop }] of waiting) {
      // They came one after the other.
      if (sinceMs > oldest) break
      stop()
      ways.silent(socket)
    }
  })

  function leaveAll(): void {
    for (const [socket, { stop }] of waiting) {
      stop()
      socket.destroy()
    }
  }

  return {
    take(socket) {
      bear(socket)
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
        if (isPreface) ways.streams(socket)
        else {
          ways.messages(socket)
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
      bear(socket)
      below.add(socket)
      socket.once('close', () => below.delete(socket))
    },
    takeSecure(socket) {
      bear(socket)
      if (isDraining) socket.destroy()
      else if (socket.alpnProtocol === 'h2') ways.streams(socket)
      else ways.messages(socket)
    },
    drain() {
      isDraining = true
      leaveAll()
    },
    cut() {
      leaveAll()
      for (const socket of below) socket.destroy()
    },
    close: () => lookout.stop(),
  }
}

/**
 * Gives a connection its error listener, for all of its life: node takes its own ones back from connections that it
 * hands over bare (a CONNECT, an upgrade, what is no HTTP), and an error without a listener ends the process. That a
 * connection has failed is heard of by its `close`.
 */
function bear(socket: Socket): void {
  socket.on('error', ignore)
}

function ignore(): void {}
