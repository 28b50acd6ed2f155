/**
 * Writes an answer: a text at once, or pieces as they come. Promises that the buffer for one reader is bounded, that a
 * reader that stops reading is cut, that a client can read a refusal even if it was still sending its request, and that
 * a stream of pieces is always started and always ended.
 */
import type { Clock } from '../../base/clock.ts'
import { bytesOf, notReserved } from '../../base/memory-budget.ts'
import type { Transfer } from '../../base/transfers.ts'
import type { Outbound } from '../../protocol/inbound.ts'
import { refusalText } from '../../protocol/error-response.ts'
import type { Exchange } from './exchange.ts'
import { pieceLength, textChunks } from './text-chunks.ts'
import { corsHeaders } from './routes.ts'
import { smallBytes } from './body-memory.ts'

export interface WriteLimits {
  readonly clock: Clock
  /** How long a reader may take for the last write, in milliseconds. */
  readonly slowReaderMs: number
  /**
   * How long input is dropped after a refusal, in milliseconds, so that the client can read the answer before a reset.
   */
  readonly lingerMs: number
  /** Whether each connection ends with its last answer in flight. */
  readonly draining: boolean
}

/** The value of `WriteLimits.lingerMs`, except in tests. */
export const lingerMs = 1_000

/**
 * Writes an answer: a short text at once, without a promise. Resolves when it is written or the client has disconnected.
 * Throws what writing throws, or rejects with it, and with what the pieces throw.
 */
export function respond(exchange: Exchange, outbound: Outbound, writeLimits: WriteLimits): Promise<void> | void {
  const { body } = outbound
  if (typeof body !== 'string') return pump(exchange, outbound, body, writeLimits)
  if (exchange.closed.cancelled) return
  const bytes = Buffer.byteLength(body)
  if (exchange.leavesTooMuch) return linger(exchange, outbound, body, bytes, writeLimits)
  if (bytes > pieceLength && exchange.method !== 'HEAD')
    return respondAtLength(exchange, outbound, body, bytes, writeLimits)
  exchange.begin(outbound.status, head(exchange, outbound, bytes, isLast(exchange, writeLimits)))
  exchange.end(body)
  // Not sent at once: the reader is slow, or an earlier answer is still being sent.
  if (!exchange.isFlushed) watchEnd(exchange, bytes, writeLimits)
}

/**
 * Writes a long text, whose memory is counted until its reader has taken it; a refusal if there is no memory for it.
 */
async function respondAtLength(
  exchange: Exchange,
  outbound: Outbound,
  body: string,
  bytes: number,
  writeLimits: WriteLimits,
): Promise<void> {
  const sending = exchange.transfer()
  try {
    const reservation = sending.take(bytesOf(body))
    if (reservation !== 'reserved') return await respond(exchange, refusalText(notReserved(reservation)), writeLimits)
    exchange.begin(outbound.status, head(exchange, outbound, bytes, isLast(exchange, writeLimits)))
    if (await writeAll(exchange, body, sending, writeLimits)) exchange.end()
  } finally {
    sending.end()
  }
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

function isLast(exchange: Exchange, writeLimits: WriteLimits): boolean {
  return writeLimits.draining && exchange.isAlone
}

/** Answers a client that has not finished sending, and drops its input until it stops or the time is up. */
function linger(exchange: Exchange, outbound: Outbound, body: string, bytes: number, writeLimits: WriteLimits): void {
  exchange.begin(outbound.status, head(exchange, outbound, bytes, true))
  // Everything but the end: with the end node closes the connection, and unread input turns that into a reset.
  if (bytes > 0) exchange.write(body)
  else exchange.flush()
  const end = (): void => {
    timer.stop()
    exchange.end()
  }
  const timer = writeLimits.clock.after(writeLimits.lingerMs, end)
  exchange.drop(end)
}

async function pump(
  exchange: Exchange,
  outbound: Outbound,
  body: AsyncIterable<string>,
  writeLimits: WriteLimits,
): Promise<void> {
  const { closed } = exchange
  const pieces = body[Symbol.asyncIterator]()
  // Started even if the client has disconnected: a generator returned before it starts never runs its `finally`.
  let next = pieces.next()
  // Returned at once, not after the pending piece, which may never come.
  const stopListening = closed.onCancel(() => void Promise.resolve(pieces.return?.()).catch(() => {}))
  try {
    if (!closed.cancelled) openStream(exchange, outbound, writeLimits)
    for (;;) {
      let piece: IteratorResult<string> | undefined = await next
      if (piece.done === true) break
      const written = closed.cancelled ? false : write(exchange, piece.value, writeLimits)
      // Released: it must not stay in memory during the write, nor until the next piece comes.
      piece = undefined
      if (!(await written)) return
      next = pieces.next()
    }
    if (!closed.cancelled) exchange.end()
  } finally {
    stopListening()
    await pieces.return?.()
  }
}

function openStream(exchange: Exchange, outbound: Outbound, writeLimits: WriteLimits): void {
  const last = isLast(exchange, writeLimits) || exchange.leavesTooMuch
  exchange.begin(outbound.status, head(exchange, outbound, undefined, last))
  exchange.flush()
}

/**
 * Writes a text as fast as the reader takes it; false if the client has disconnected, or was cut for being too slow.
 */
function write(exchange: Exchange, text: string, writeLimits: WriteLimits): Promise<boolean> | boolean {
  return (text.length <= pieceLength && exchange.write(text)) || writeSlowly(exchange, text, writeLimits)
}

/** The same for a long text, or for one that is written already and not taken. */
async function writeSlowly(exchange: Exchange, text: string, writeLimits: WriteLimits): Promise<boolean> {
  const sending = exchange.transfer()
  try {
    if (text.length <= pieceLength) {
      sending.add(exchange.unsentBytes)
      return await drained(exchange, writeLimits)
    }
    if (sending.take(bytesOf(text)) === 'reserved') return await writeAll(exchange, text, sending, writeLimits)
    exchange.cut()
    return false
  } finally {
    sending.end()
  }
}

async function writeAll(
  exchange: Exchange,
  text: string,
  sending: Transfer,
  writeLimits: WriteLimits,
): Promise<boolean> {
  for (const piece of textChunks(text)) {
    if (!exchange.write(piece) && !(await drained(exchange, writeLimits))) return false
    sending.noteProgress(piece.length)
  }
  return true
}

/** Waits until the reader has caught up; false if the client has disconnected, or was cut for being too slow. */
function drained(exchange: Exchange, writeLimits: WriteLimits): Promise<boolean> {
  const { closed } = exchange
  if (closed.cancelled) return Promise.resolve(false)
  return new Promise((resolve) => {
    const stopWatching = watch(exchange, writeLimits)
    const settle = (isDrained: boolean): void => {
      stopWatching()
      stopListening()
      stopWaiting()
      resolve(isDrained)
    }
    const stopWaiting = exchange.onDrain(() => settle(true))
    let stopListening = (): void => {}
    stopListening = closed.onCancel(() => settle(false))
  })
}

/** Watches the reader of an answer that is written to its end. */
function watchEnd(exchange: Exchange, bytes: number, writeLimits: WriteLimits): void {
  const stop = watch(exchange, writeLimits)
  if (bytes <= smallBytes) return
  const sending = exchange.transfer()
  sending.add(bytes)
  exchange.onOver(() => {
    sending.end()
    stop()
  })
}

/** Cuts the exchange if its reader takes too long. The returned function stops watching. */
function watch(exchange: Exchange, writeLimits: WriteLimits): () => void {
  const check = (): void => {
    if (exchange.isOver) return
    if (exchange.isBehindAnother) timer = writeLimits.clock.after(writeLimits.slowReaderMs, check)
    else exchange.cut()
  }
  let timer = writeLimits.clock.after(writeLimits.slowReaderMs, check)
  const stop = (): void => timer.stop()
  return stop
}
