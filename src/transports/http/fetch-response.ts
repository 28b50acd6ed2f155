/**
 * An answer as a web `Response`. Promises that nothing but the first piece is pulled before the reader asks for it, that
 * a reader who stops reading is cut, and that a stream of pieces is always started and always ended.
 */
import type { Clock, Timer } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { bytesOf, notKept } from '../../base/memory-budget.ts'
import type { Transfer } from '../../base/transfers.ts'
import type { Outbound } from '../../protocol/inbound.ts'
import { answerable, refusalText } from '../../protocol/error-response.ts'
import { pieceLength, textChunks } from './text-chunks.ts'
import { corsHeaders } from './routes.ts'
import { tooSlow, type FetchRequest } from './fetch-request.ts'

export interface FetchWriteLimits {
  readonly clock: Clock
  /** How long a reader may take for what was written last, in milliseconds. */
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
  // Some statuses may not even have an empty body.
  return new Response(body === '' || fetchRequest.method === 'HEAD' ? null : body, { status, headers: all })
}

/** An answer that is kept until its reader has taken it, as far as there is room for it. */
function longResponse(
  fetchRequest: FetchRequest,
  body: string,
  { status, headers }: { status: number; headers: Readonly<Record<string, string>> },
  writeLimits: FetchWriteLimits,
): Response {
  const sending = fetchRequest.transfer()
  const kept = sending.take(bytesOf(body))
  if (kept !== 'kept') {
    sending.end()
    return responseOf(fetchRequest, refusalText(notKept(kept)), writeLimits)
  }
  const length = { 'Content-Length': String(Buffer.byteLength(body)) }
  return new Response(streamOf(fetchRequest, later(textChunks(body)), writeLimits, sending), {
    status,
    headers: { ...headers, ...length },
  })
}

async function* later(pieces: Iterable<string>): AsyncGenerator<string> {
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
  /** Counts a large piece until the reader comes for the next. */
  let large: Transfer | undefined
  let watch: Timer | undefined
  const release = (): void => {
    watch?.stop()
    large?.end()
    large = undefined
  }
  // Every way out gets here. Whatever is counted or watched after it is given back where that happens.
  const finish = (): void => {
    if (isOver) return
    isOver = true
    release()
    sending?.end()
    fetchRequest.settle()
    void Promise.resolve(pieces.return?.()).catch(() => {})
  }
  /** Whether the answer is over; a client that is gone ends it, even if its end has not been told here. */
  const isEnded = (): boolean => {
    if (closed.cancelled) finish()
    return isOver
  }
  const waitForReader = (): void => {
    watch = writeLimits.clock.after(writeLimits.slowReaderMs, () => closed.cancel(tooSlow))
  }
  /** Hands a piece to the reader; cuts the reader if there is no room for it. */
  const passOn = (controller: ReadableStreamDefaultController<Uint8Array>, text: string): void => {
    sending?.moved(text.length)
    if (text.length > pieceLength) {
      // Known to `finish` before it takes anything: making room may end this very answer.
      large = fetchRequest.transfer()
      if (large.take(bytesOf(text)) !== 'kept') closed.cancel(tooSlow)
    }
    if (isEnded()) return release()
    controller.enqueue(encoder.encode(text))
    waitForReader()
  }
  waitForReader()
  // Started even if the client is gone: a generator that is returned before it starts never reaches its `finally`.
  let first: Promise<IteratorResult<string>> | undefined = pieces.next()
  first.catch(() => {})
  let isCancelled = false
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        closed.onCancel(() => {
          if (isOver) return
          finish()
          // Nobody misses the rest if the client is gone, and an error would be a line in somebody's log.
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
          // The answer has begun: cutting it off is the only way left to say that it is not whole.
          answerable(error, writeLimits.log)
          finish()
          controller.error(new Error('The answer could not be finished.'))
        }
      },
      cancel() {
        isCancelled = true
        closed.cancel('client gone')
        // Whatever else was told of it, and in whatever state: nobody reads this any more.
        finish()
      },
    },
    { highWaterMark: 0 },
  )
}
