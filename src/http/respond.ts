/**
 * Writes an answer: a text at once, or its pieces as they come. Promises that what is buffered for one reader is
 * bounded, that a reader who does not read is cut, that a client gets to read a refusal it was sent while it was
 * still sending, and that a stream of pieces is always started and always ended.
 */
import type { Clock } from '../base/clock.ts'
import type { Outbound } from '../protocol/inbound.ts'
import type { Exchange } from './exchange.ts'
import { corsHeaders } from './routes.ts'

export interface Pace {
  readonly clock: Clock
  /** How long a reader may take for what was written last, in milliseconds. */
  readonly slowReaderMs: number
  /** How long input is dropped after a refusal, in milliseconds, so that the client reads the answer and no reset. */
  readonly lingerMs: number
  /** Whether connections are to end with the last answer in flight on them. */
  readonly draining: boolean
}

/** `Pace.lingerMs`, but in tests. */
export const lingerMs = 1_000

/** A text up to this length goes out in one piece; a longer one in pieces of it. */
const pieceLength = 65_536

/** Resolves when the answer was handed over or nobody wants it any more. Rejects with what the pieces threw. */
export async function respond(exchange: Exchange, outbound: Outbound, pace: Pace): Promise<void> {
  const { body } = outbound
  if (typeof body !== 'string') return pump(exchange, outbound, body, pace)
  if (exchange.closed.cancelled) return
  const { response } = exchange
  const bytes = Buffer.byteLength(body)
  if (exchange.of.refused || exchange.leavesTooMuch) return linger(exchange, outbound, body, bytes, pace)
  response.writeHead(outbound.status, head(exchange, outbound, bytes, isLast(exchange, pace)))
  if (bytes > pieceLength && exchange.method !== 'HEAD') {
    if (await write(exchange, body, pace)) response.end()
    return
  }
  response.end(body)
  // Not flushed at once: the reader is slow, or an earlier answer is still on its way.
  if (response.socket === null || response.socket.writableLength > 0) watch(exchange, pace)
}

function head(exchange: Exchange, outbound: Outbound, bytes: number | undefined, last: boolean): string[] {
  const lines: string[] = []
  const { headers } = outbound
  const all = exchange.origin === undefined ? headers : { ...corsHeaders(exchange.origin), ...headers }
  for (const name of Object.keys(all)) lines.push(name, all[name] ?? '')
  if (bytes !== undefined && outbound.status !== 204) lines.push('Content-Length', String(bytes))
  if (last) lines.push('Connection', 'close')
  return lines
}

/** Node ends a connection with the first answer that says so, even if others are owed on it. */
function isLast(exchange: Exchange, pace: Pace): boolean {
  return pace.draining && exchange.of.inFlight.length === 1
}

/** Answers a client that has not finished sending, and drops what it sends until it stops or the time is up. [R03] */
function linger(exchange: Exchange, outbound: Outbound, body: string, bytes: number, pace: Pace): void {
  const { request, response } = exchange
  response.writeHead(outbound.status, head(exchange, outbound, bytes, true))
  // Everything but the end: node would close the connection with it, and input not yet read makes that a reset.
  if (bytes > 0) response.write(body)
  else response.flushHeaders()
  const end = (): void => {
    timer.stop()
    response.end()
  }
  const timer = pace.clock.after(pace.lingerMs, end)
  if (!exchange.of.refused) request.once('end', end)
  request.resume()
}

async function pump(exchange: Exchange, outbound: Outbound, body: AsyncIterable<string>, pace: Pace): Promise<void> {
  const { response, closed } = exchange
  const pieces = body[Symbol.asyncIterator]()
  // Started even if the client is gone: a generator that is returned before it starts never reaches its `finally`.
  let next = pieces.next()
  // Returned at once and not after the pending piece: that may never come.
  const stopListening = closed.onCancel(() => void Promise.resolve(pieces.return?.()).catch(() => {}))
  try {
    if (!closed.cancelled) openStream(exchange, outbound, pace)
    for (;;) {
      const piece = await next
      if (piece.done === true) break
      if (closed.cancelled || !(await write(exchange, piece.value, pace))) return
      next = pieces.next()
    }
    if (!closed.cancelled) response.end()
  } finally {
    stopListening()
    await pieces.return?.()
  }
}

function openStream(exchange: Exchange, outbound: Outbound, pace: Pace): void {
  const last = isLast(exchange, pace) || exchange.leavesTooMuch
  exchange.response.writeHead(outbound.status, head(exchange, outbound, undefined, last))
  exchange.response.flushHeaders()
}

/** Writes a text piece by piece as the reader takes it; false if it is gone or too slow. */
async function write(exchange: Exchange, text: string, pace: Pace): Promise<boolean> {
  const { response } = exchange
  if (text.length <= pieceLength) return response.write(text) || drained(exchange, pace)
  for (let at = 0; at < text.length;) {
    let end = Math.min(at + pieceLength, text.length)
    if (end < text.length && isHighSurrogate(text.charCodeAt(end - 1))) end--
    if (!response.write(text.slice(at, end)) && !(await drained(exchange, pace))) return false
    at = end
  }
  return true
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff
}

/** Waits until the reader has taken what was written; false if it is gone or was cut for being too slow. [R40] */
function drained(exchange: Exchange, pace: Pace): Promise<boolean> {
  const { response, closed } = exchange
  if (closed.cancelled) return Promise.resolve(false)
  return new Promise((resolve) => {
    const stopWatching = watch(exchange, pace)
    const settle = (isDrained: boolean): void => {
      stopWatching()
      stopListening()
      response.off('drain', onDrain)
      resolve(isDrained)
    }
    const onDrain = (): void => settle(true)
    response.on('drain', onDrain)
    let stopListening = (): void => {}
    stopListening = closed.onCancel(() => settle(false))
  })
}

/** Cuts the connection if the answer has not moved in time. Returns how to stop watching. */
function watch(exchange: Exchange, pace: Pace): () => void {
  const { response, request } = exchange
  const check = (): void => {
    if (response.writableFinished || response.destroyed) return
    // Without a socket it waits for an earlier answer on the same connection, which is watched itself.
    if (response.socket === null) timer = pace.clock.after(pace.slowReaderMs, check)
    else request.socket.destroy()
  }
  let timer = pace.clock.after(pace.slowReaderMs, check)
  const stop = (): void => timer.stop()
  return stop
}
