/**
 * The readers of session streams: each journal has at most one active reader, which is sent stored events as they come,
 * from where its client left off.
 *
 * A slow reader makes the writers of its stream wait, within bounds; a reader that takes nothing is cut off by its socket.
 * journalled-output.ts decides what is stored and under which names.
 */
import type { JournalPage, Journals, Position } from '../backplane/backplane.ts'
import { Wakeup } from '../base/wakeup.ts'
import type { Cancel } from '../base/cancel.ts'
import type { Clock } from '../base/clock.ts'
import type { CoarseTimers } from '../base/coarse-timers.ts'
import type { RpcId } from '../protocol/jsonrpc.ts'
import { sseComment, sseMessage, ssePriming, sseRetry } from '../protocol/sse.ts'
import { eventId, isListenStream, requestOf } from './event-id.ts'
import type { StreamStart } from './get-stream-spans.ts'
import type { SessionSettings } from './options.ts'
import { type Liveness, streamClosed, streamOpened } from './liveness.ts'

/** The text of the message for a reader whose requested events are no longer kept. */
export type ExpiredText = (request: RpcId | undefined) => string

export interface ReadRequest {
  readonly journal: string
  /** The name of the stream in the ids of its events. */
  readonly stream: string
  /** Where to continue: called each time the reader becomes the active one. */
  readonly start: () => StreamStart
  /** Whether other readers of the journal stay open and wait; otherwise this reader ends them. */
  readonly sharesJournal: boolean
  /** If given, the stream begins with a priming event (one without data) for this position. */
  readonly priming: Position | undefined
  /** Called with the position up to which events were sent; with undefined if events were lost and it continues with those that are kept. */
  readonly sent: ((position: Position | undefined) => void) | undefined
  readonly liveness: Liveness
  /** The open readers of the session: the reader is one of them as long as it is open. */
  readonly ofSession: StreamReader[]
  readonly closed: Cancel
}

export interface StreamReaders {
  has(journal: string): boolean
  /** The text of a stream from a position on. The reader counts as open at once, not only from the first pull on. */
  read(reading: ReadRequest): AsyncIterable<string>
  /** Notes that an event is about to be stored that a reader has to take. */
  note(journal: string, chars: number): void
  /** Whether `caughtUp` would have to wait. */
  isBehind(journal: string, cancel: Cancel): boolean
  /**
   * Waits until the reader has caught up or is gone, or until the call is cancelled: a cancelled call must not wait.
   */
  caughtUp(journal: string, cancel: Cancel): Promise<void>
  /** Ends the readers of a session silently. */
  leave(ofSession: readonly StreamReader[]): void
  /** Ends all readers and asks them to reconnect after `retryMs`. */
  release(retryMs: number): void
  readonly count: number
}

/** How long a client that loses its stream should wait before it reconnects. */
const reconnectMs = 1000
/** GET streams that a session may hold; one more ends the oldest. */
const maxListenStreams = 4
/** How far a reader may be behind before writers wait, in characters. */
const maxLagChars = 256 * 1024

/** An open reader of one stream. */
export interface StreamReader {
  /** How much was appended since it last took all events. */
  lagChars: number
  lagEvents: number
  leaving: { readonly retryMs: number | undefined } | undefined
  /** Notified when the reader has something to do. */
  readonly wakeup: Wakeup
  /** Called when the reader has caught up or is gone. */
  readonly onProgress: Array<() => void>
}

export function createStreamReaders(needs: {
  readonly journals: Journals
  readonly settings: SessionSettings
  /** How many bytes are kept of all streams of a session. */
  readonly sessionBytes: number
  readonly timers: CoarseTimers
  readonly clock: Clock
  readonly expiredText: ExpiredText
}): StreamReaders {
  const { journals, settings, timers } = needs
  /** By journal, the newest last: it is the active one, the others wait until it ends. */
  const readers = new Map<string, StreamReader[]>()
  // Writers wait before the journal would drop unread events, so an open reader loses nothing.
  const maxLag = {
    chars: Math.min(maxLagChars, settings.bytesPerStream / 2, needs.sessionBytes / 16),
    events: settings.eventsPerStream / 2,
  }

  const endReader = (reader: StreamReader | undefined, retryMs: number | undefined): void => {
    if (!reader) return
    reader.leaving ??= { retryMs }
    // The reader may never take the rest: the waiting writers check again whether they still have to wait.
    for (const resume of reader.onProgress.splice(0)) resume()
    reader.wakeup.notify()
  }

  const newest = (journal: string): StreamReader | undefined => readers.get(journal)?.at(-1)

  /** The reader for which a writer has to wait, if any. */
  const slow = (journal: string, cancel: Cancel): StreamReader | undefined => {
    const reader = cancel.cancelled ? undefined : newest(journal)
    // A reader that ends silently is sent nothing more; one that is asked to reconnect gets the rest first.
    if (reader?.leaving && reader.leaving.retryMs === undefined) return undefined
    return reader && (reader.lagChars >= maxLag.chars || reader.lagEvents >= maxLag.events) ? reader : undefined
  }

  async function* pull(reading: ReadRequest, reader: StreamReader, gone: () => void): AsyncGenerator<string> {
    const { journal, stream, closed } = reading
    let position: Position | undefined
    let resend: StreamStart['resend'] | undefined
    let [isActive, isQuiet, isLossReported] = [false, false, false]
    try {
      if (reading.priming) yield ssePriming(eventId(stream, reading.priming), reconnectMs)
      while (!closed.cancelled) {
        reader.wakeup.clear()
        if (newest(journal) !== reader) {
          if (reader.leaving) return
          isActive = false
          if (isQuiet) yield sseComment
          isQuiet = (await reader.wakeup.next()) === 'quiet'
          continue
        }
        if (!isActive) {
          const start = reading.start()
          isActive = true
          // The missed spans stay its own, even if other readers were active in between.
          resend ??= start.resend
          position = start.from
        }
        const [span, ...later] = resend ?? []
        let page: Awaited<ReturnType<Journals['read']>> | undefined = await journals.read(
          journal,
          span?.from ?? position,
        )
        if (newest(journal) !== reader) continue
        if (span && typeof page === 'object') {
          resend = later
          const text = textOf(stream, page, span.to)
          page = undefined
          if (text !== '') yield text
          continue
        }
        const isLost = page === 'expired' || (page === 'unknown' && position !== undefined)
        if (isLost && !reader.leaving) {
          yield sseMessage(needs.expiredText(requestOf(stream)))
          if (!isListenStream(stream)) return
          position = undefined
          resend = []
          isLossReported = true
          reading.sent?.(undefined)
          continue
        }
        if (typeof page === 'object') {
          if (page.missed > 0 && !isLossReported) yield sseMessage(needs.expiredText(requestOf(stream)))
          const { epoch, ended } = page
          const last = page.events.at(-1)?.offset
          if (last !== undefined) {
            position = { epoch, offset: last }
            reader.lagChars = reader.lagEvents = 0
            for (const resume of reader.onProgress.splice(0)) resume()
            reading.sent?.(position)
            let text: string | undefined = textOf(stream, page)
            // Drop references to the events: the reader may be slow, and the journal may forget them meanwhile.
            page = undefined
            yield text
            text = undefined
            if (ended) return
            continue
          }
          if (ended) return
        }
        if (reader.leaving) {
          if (reader.leaving.retryMs !== undefined) yield sseRetry(reader.leaving.retryMs)
          return
        }
        if (isQuiet) yield sseComment
        isQuiet = (await reader.wakeup.next()) === 'quiet'
      }
    } finally {
      gone()
    }
  }

  /** A reader is gone: the newest of the others becomes the active one. */
  const handOver = (journal: string, reader: StreamReader): void => {
    const left = (readers.get(journal) ?? []).filter((other) => other !== reader)
    if (left.length > 0) readers.set(journal, left)
    else readers.delete(journal)
    left.at(-1)?.wakeup.notify()
  }

  return {
    has: (journal) => readers.has(journal),
    read(reading) {
      const { journal, liveness, ofSession, closed } = reading
      const wakeup = new Wakeup(timers, settings.keepAliveMs)
      const reader: StreamReader = { lagChars: 0, lagEvents: 0, leaving: undefined, wakeup, onProgress: [] }
      const others = readers.get(journal) ?? []
      const most = reading.sharesJournal ? maxListenStreams - 1 : 0
      for (const ended of others.splice(0, Math.max(0, others.length - most))) endReader(ended, undefined)
      readers.set(journal, [...others, reader])
      ofSession.push(reader)
      streamOpened(liveness)
      let isOpen = true
      const stopTail = journals.tail(journal, () => wakeup.notify())
      const gone = (): void => {
        if (isOpen) streamClosed(liveness, needs.clock.now(), closed.cancelled)
        isOpen = false
        stopTail()
        stopClosed()
        handOver(journal, reader)
        const at = ofSession.indexOf(reader)
        if (at >= 0) ofSession.splice(at, 1)
        for (const resume of reader.onProgress.splice(0)) resume()
        wakeup.notify()
      }
      let stopClosed: () => void = () => {}
      stopClosed = closed.onCancel(gone)
      return pull(reading, reader, gone)
    },
    note(journal, chars) {
      const reader = newest(journal)
      if (!reader) return
      reader.lagChars += chars
      reader.lagEvents++
    },
    isBehind: (journal, cancel) => slow(journal, cancel) !== undefined,
    async caughtUp(journal, cancel) {
      for (let reader = slow(journal, cancel); reader !== undefined; reader = slow(journal, cancel)) {
        const { onProgress } = reader
        let stop: (() => void) | undefined
        await new Promise<void>((resolve) => {
          onProgress.push(resolve)
          stop = cancel.onCancel(resolve)
        })
        stop?.()
      }
    },
    leave(ofSession) {
      for (const reader of [...ofSession]) endReader(reader, undefined)
    },
    release(retryMs) {
      for (const reader of [...readers.values()].flat()) endReader(reader, retryMs)
    },
    get count() {
      let count = 0
      for (const ofJournal of readers.values()) count += ofJournal.length
      return count
    },
  }
}

/** The events of a page, up to an offset. */
function textOf(stream: string, { epoch, events }: JournalPage, to = Infinity): string {
  let text = ''
  for (const { data, offset } of events) {
    if (offset <= to) text += sseMessage(data, eventId(stream, { epoch, offset }))
  }
  return text
}
