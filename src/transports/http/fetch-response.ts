/**
 * Writes an answer as a web `Response`. Promises that only the first piece is pulled before the reader asks for it,
 * that a reader that stops reading is cut, and that a stream of pieces is always started and always ended.
 */
import type { Clock, Timer } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { bytesOf, notReserved } from '../../base/memory-budget.ts'
import type { Transfer } from '../../base/transfers.ts'
import type { Outbound } from '../../protocol/inbound.ts'
import { answerable, refusalText } from '../../protocol/error-response.ts'
import { pieceLength, textChunks } from './text-chunks.ts'
import { corsHeaders } from './routes.ts'
import { tooSlow, type FetchRequest } from './fetch-request.ts'

export interface FetchWriteLimits {
  readonly clock: Clock
  /** How long a reader may take for the last write, in milliseconds. */
  readonly slowReaderMs: number
  readonly log: Log
}

export function responseOf(
  fetchRequest: FetchRequest,
  { status, headers, body }: Outbound,
  writeLimits: FetchWriteLimits,
): Response {
  const all = fetchRequest.origin === undefined ? headers : { ...corsHeaders(fetchRequest.origin), ...headers }
  if (typeof body !== 'string') return new Response(streamOf(fetchRequest, body, writeLimits), { status, headers: all })
  if (body.length > pieceLength && fetchRequest.method !== 'HEAD')
    return longResponse(fetchRequest, body, { status, headers: all }, writeLimits)
  fetchRequest.settle()
  // Some statuses allow no body at all, not even an empty one.
  return new Response(body === '' || fetchRequest.method === 'HEAD' ? null : body, { status, headers: all })
}

/** A long answer, whose memory is counted until its reader has taken it; a refusal if there is no memory for it. */
function longResponse(
  fetchRequest: FetchRequest,
  body: string,
  { status, headers }: { status: number; headers: Readonly<Record<string, string>> },
  writeLimits: FetchWriteLimits,
): Response {
  const sending = fetchRequest.transfer()
  const reservation = sending.take(bytesOf(body))
  if (reservation !== 'reserved') {
    sending.end()
    return responseOf(fetchRequest, refusalText(notReserved(reservation)), writeLimits)
  }
  const length = { 'Content-Length': String(Buffer.byteLength(body)) }
  return new Response(streamOf(fetchRequest, asAsync(textChunks(body)), writeLimits, sending), {
    status,
    headers: { ...headers, ...length },
  })
}

async function* asAsync(pieces: Iterable<string>): AsyncGenerator<string> {
  yield* pieces
}

function streamOf(
  fetchRequest: FetchRequest,
  body: AsyncIterable<string>,
  writeLimits: FetchWriteLimits,
  sending?: Transfer,
): ReadableStream<Uint8Array> {
  const { closed } = fetchRequest
  const pieces = body[Symbol.asyncIterator]()
  const encoder = new TextEncoder()
  let isOver = false
  /** Counts a large piece until the reader asks for the next one. */
  let large: Transfer | undefined
  let watch: Timer | undefined
  const release = (): void => {
    watch?.stop()
    large?.end()
    large = undefined
  }
  // Every end of the stream comes here. Code that counts or watches after it must release that itself.
  const finish = (): void => {
    if (isOver) return
    isOver = true
    release()
    sending?.end()
    fetchRequest.settle()
    void Promise.resolve(pieces.return?.()).catch(() => {})
  }
  /** Whether the answer is over. Also ends it if the client has disconnected and `finish` has not run yet. */
  const isEnded = (): boolean => {
    if (closed.cancelled) finish()
    return isOver
  }
  const waitForReader = (): void => {
    watch = writeLimits.clock.after(writeLimits.slowReaderMs, () => closed.cancel(tooSlow))
  }
  /** Passes a piece to the reader; cuts the reader if there is no memory for it. */
  const passOn = (controller: ReadableStreamDefaultController<Uint8Array>, text: string): void => {
    sending?.noteProgress(text.length)
    if (text.length > pieceLength) {
      // Assigned before it takes memory: freeing memory may end this answer, and `finish` must then release it.
      large = fetchRequest.transfer()
      if (large.take(bytesOf(text)) !== 'reserved') closed.cancel(tooSlow)
    }
    if (isEnded()) return release()
    controller.enqueue(encoder.encode(text))
    waitForReader()
  }
  waitForReader()
  // Started even if the client has disconnected: a generator returned before it starts never runs its `finally`.
  let first: Promise<IteratorResult<string>> | undefined = pieces.next()
  first.catch(() => {})
  let isCancelled = false
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        closed.onCancel(() => {
          if (isOver) return
          finish()
          // After a disconnect the stream just closes: an error would only appear in the log of the server.
          if (closed.reason === tooSlow) controller.error(new Error('The answer was cut: its reader stopped reading.'))
          else if (!isCancelled) controller.close()
        })
      },
      async pull(controller) {
        release()
        try {
          const piece = await (first ?? pieces.next())
          first = undefined
          if (isEnded()) return
          if (piece.done !== true) return passOn(controller, piece.value)
          finish()
          controller.close()
        } catch (error) {
          if (isEnded()) return release()
          // The answer has begun: cutting it off is the only way left to show that it is incomplete.
          answerable(error, writeLimits.log)
          finish()
          controller.error(new Error('The answer could not be finished.'))
        }
      },
      cancel() {
        isCancelled = true
        closed.cancel('client gone')
        // In any state, nothing reads this stream any more.
        finish()
      },
    },
    { highWaterMark: 0 },
  )
}
