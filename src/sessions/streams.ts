/**
 * Event streams of sessions: a journal and whoever reads it at the moment.
 *
 * A call outlives its socket here: its reply is carried into a journal, and the socket only tails that. Events are
 * stored before they are sent, in the order in which they are sent, so a client that comes back with the last id it
 * saw gets each later one exactly once. What is no longer there is told, never skipped. [2025-11-25 transports]
 */
import type { Journals, Position } from '../backplane/backplane.ts'
import type { Cancel } from '../base/cancel.ts'
import type { Clock } from '../base/clock.ts'
import type { Pulse } from '../base/pulse.ts'
import { Refusal } from '../base/refusal.ts'
import type { RpcId } from '../protocol/jsonrpc.ts'
import { sseComment, sseMessage, ssePriming, sseRetry } from '../protocol/sse.ts'
import { callStream, eventId, shortName, listenStream, parseEventId, requestOf } from './event-id.ts'
import { createFinished } from './finished.ts'
import type { SessionSettings } from './options.ts'
import { streamClosed, streamOpened } from './presence.ts'
import type { SessionSeat } from './sessions.ts'

/** What a reader is told when the events it asks for are gone: the text of a message. */
export type TellExpired = (request: RpcId | undefined) => string

export interface Streams {
  /** Opens the stream of one POST: what is appended to it can be read until some time after its end. */
  openCall(seat: SessionSeat, id: RpcId | undefined, prime: boolean): Promise<CallStream>
  /** Opens the stream that belongs to no call. Throws `stream_taken` if it is open already. */
  listen(seat: SessionSeat, prime: boolean, closed: Cancel): Promise<AsyncIterable<string>>
  /** Goes on after an event. Throws `unknown_event` for an id that is none of ours. */
  resume(seat: SessionSeat, lastEventId: string, closed: Cancel): Promise<AsyncIterable<string>>
  /** Stores an event that belongs to no call, for the open stream or the next one. */
  tell(seat: SessionSeat, text: string): Promise<void>
  /** The session is over: its stream without a call ends and is forgotten. Those of calls end with their calls. */
  forget(seat: SessionSeat): void
  /** Asks all readers to come back later: sends them `retry:` and ends their sockets. The streams live on. */
  release(retryMs: number): void
  readonly open: number
}

export interface CallStream {
  /** Stores an event. Waits while a reader is far behind, but not for ever. */
  append(text: string, cancel: Cancel): Promise<void>
  end(): Promise<void>
  /** The text to send as it comes. */
  read(closed: Cancel): AsyncIterable<string>
}

/** Events that are kept for a stream that nobody has open. */
const unread = { events: 256, bytes: 1024 * 1024 }
/** How long a client that loses its stream waits before it comes back. */
const comeBackMs = 1000
/** How far a reader may be behind before what feeds it waits, in characters. */
const maxLagChars = 256 * 1024

interface Reader {
  /** Appended since it last took all there was. */
  lagChars: number
  lagEvents: number
  leave(retryMs: number | undefined): void
  /** Told when it has caught up, or is gone. */
  readonly onProgress: Array<() => void>
}

interface ReadOptions {
  /** The position that an event without data names first. */
  readonly prime?: Position
  /** Told how far the stream has been sent; undefined if its events were lost and it goes on with what there is. */
  readonly sent?: (position: Position | undefined) => void
}

interface Signal {
  dirty: boolean
  wake: (() => void) | undefined
  leaving: { readonly retryMs: number | undefined } | undefined
}

export function createStreams(needs: {
  readonly journals: Journals
  readonly settings: SessionSettings
  readonly pulse: Pulse
  readonly clock: Clock
  readonly tellExpired: TellExpired
}): Streams {
  const { journals, settings, pulse } = needs
  const readers = new Map<string, Reader>()
  /** How far the stream without a call was sent, by session. */
  const listened = new WeakMap<SessionSeat, Position>()
  const finished = createFinished(journals, settings.bytesPerStream)
  const instance = shortName()
  // A reader that is there loses nothing: what feeds it waits before the journal drops what it has not read.
  const maxLag = { chars: Math.min(maxLagChars, settings.bytesPerStream / 2), events: settings.eventsPerStream / 2 }
  const bounds = { events: settings.eventsPerStream, bytes: settings.bytesPerStream, ttlMs: settings.maxSessionMs }

  /** The text of a stream from a position on. The reader is there at once, not only when somebody pulls. */
  const read = (
    seat: SessionSeat,
    journal: string,
    stream: string,
    from: Position | undefined,
    closed: Cancel,
    options: ReadOptions,
  ): AsyncIterable<string> => {
    const signal: Signal = { dirty: false, wake: undefined, leaving: undefined }
    const notify = (): void => {
      signal.dirty = true
      signal.wake?.()
    }
    // Two sockets on one stream would each get every event: the newer one is the client's.
    readers.get(journal)?.leave(undefined)
    const reader: Reader = {
      lagChars: 0,
      lagEvents: 0,
      onProgress: [],
      leave(retryMs) {
        signal.leaving ??= { retryMs }
        notify()
      },
    }
    readers.set(journal, reader)
    streamOpened(seat.presence)
    let isOpen = true
    const stopTail = journals.tail(journal, notify)
    const gone = (): void => {
      if (isOpen) streamClosed(seat.presence, needs.clock.now(), closed.cancelled)
      isOpen = false
      stopTail()
      stopClosed()
      if (readers.get(journal) === reader) readers.delete(journal)
      for (const goOn of reader.onProgress.splice(0)) goOn()
      notify()
    }
    let stopClosed: () => void = () => {}
    stopClosed = closed.onCancel(gone)
    return pull(journal, stream, from, closed, options, signal, reader, gone)
  }

  async function* pull(
    journal: string,
    stream: string,
    from: Position | undefined,
    closed: Cancel,
    options: ReadOptions,
    signal: Signal,
    reader: Reader,
    gone: () => void,
  ): AsyncGenerator<string> {
    let position = from
    let [quiet, isTold] = [false, false]
    try {
      if (options.prime) yield ssePriming(eventId(stream, options.prime), comeBackMs)
      while (!closed.cancelled) {
        signal.dirty = false
        const page = await journals.read(journal, position)
        const isLost = page === 'expired' || (page === 'unknown' && position !== undefined)
        if (isLost && !signal.leaving) {
          yield sseMessage(needs.tellExpired(requestOf(stream)))
          if (stream !== listenStream) return
          position = undefined
          isTold = true
          options.sent?.(undefined)
          continue
        }
        if (typeof page === 'object') {
          if (page.missed > 0 && !isTold) yield sseMessage(needs.tellExpired(requestOf(stream)))
          let text = ''
          for (const event of page.events) {
            position = { epoch: page.epoch, offset: event.offset }
            text += sseMessage(event.data, eventId(stream, position))
          }
          if (text !== '') {
            reader.lagChars = reader.lagEvents = 0
            for (const goOn of reader.onProgress.splice(0)) goOn()
            if (position) options.sent?.(position)
            yield text
            if (page.ended) return
            continue
          }
          if (page.ended) return
        }
        if (signal.leaving) {
          if (signal.leaving.retryMs !== undefined) yield sseRetry(signal.leaving.retryMs)
          return
        }
        if (quiet) yield sseComment
        quiet = false
        if (!signal.dirty) quiet = await untilWoken(signal)
      }
    } finally {
      gone()
    }
  }

  /** Waits for a wake; true if it came from the clock. */
  const untilWoken = (signal: Signal): Promise<boolean> =>
    new Promise((resolve) => {
      const stop = pulse.after(settings.keepAliveMs, () => resolve(true))
      signal.wake = () => {
        signal.wake = undefined
        stop()
        resolve(false)
      }
    })

  /**
   * Waits until the reader has caught up or is gone, or the call is cancelled: its cancellation must not wait as well.
   * A reader that takes nothing is cut off by its socket.
   */
  const caughtUp = async (journal: string, cancel: Cancel): Promise<void> => {
    while (!cancel.cancelled) {
      const reader = readers.get(journal)
      if (!reader || (reader.lagChars < maxLag.chars && reader.lagEvents < maxLag.events)) return
      let stop: (() => void) | undefined
      await new Promise<void>((resolve) => {
        reader.onProgress.push(resolve)
        stop = cancel.onCancel(resolve)
      })
      stop?.()
    }
  }

  const noteSent =
    (seat: SessionSeat) =>
    (position: Position | undefined): void => {
      if (position) listened.set(seat, position)
      else listened.delete(seat)
    }

  const journalOf = (seat: SessionSeat, stream: string): string => `${seat.key}/${stream}`

  return {
    async openCall(seat, id, prime) {
      const stream = callStream(instance, seat.streams++, id)
      const journal = journalOf(seat, stream)
      const start = await journals.append(journal, [], bounds)
      let chars = 0
      return {
        async append(text, cancel) {
          await caughtUp(journal, cancel)
          chars += text.length
          const reader = readers.get(journal)
          if (reader) {
            reader.lagChars += text.length
            reader.lagEvents++
          }
          await journals.append(journal, [ownCopy(text)], bounds)
        },
        async end() {
          await journals.end(journal, settings.retentionMs)
          await finished.keep(seat, { journal, chars: Math.min(chars, bounds.bytes) })
        },
        read: (closed) => read(seat, journal, stream, start, closed, prime ? { prime: start } : {}),
      }
    },
    async listen(seat, prime, closed) {
      const journal = journalOf(seat, listenStream)
      if (readers.has(journal)) throw new Refusal('stream_taken')
      const from = listened.get(seat)
      const sent = noteSent(seat)
      if (!prime) return read(seat, journal, listenStream, from, closed, { sent })
      const { epoch } = from ?? (await journals.append(journal, [], { ...unread, ttlMs: settings.maxSessionMs }))
      // Before whatever was stored while nobody listened, or a cut right after the priming event would lose it.
      return read(seat, journal, listenStream, from, closed, { prime: from ?? { epoch, offset: 0 }, sent })
    },
    async resume(seat, lastEventId, closed) {
      const id = parseEventId(lastEventId)
      if (!id) throw new Refusal('unknown_event')
      const journal = journalOf(seat, id.stream)
      return read(
        seat,
        journal,
        id.stream,
        id.position,
        closed,
        id.stream === listenStream ? { sent: noteSent(seat) } : {},
      )
    },
    async tell(seat, text) {
      if (seat.ended) return
      const journal = journalOf(seat, listenStream)
      const kept = readers.has(journal) ? bounds : { ...unread, ttlMs: settings.maxSessionMs }
      await journals.append(journal, [ownCopy(text)], kept)
    },
    forget(seat) {
      const journal = journalOf(seat, listenStream)
      readers.get(journal)?.leave(undefined)
      journals.drop(journal).catch(() => undefined)
    },
    release(retryMs) {
      for (const reader of readers.values()) reader.leave(retryMs)
    },
    get open() {
      return readers.size
    },
  }
}

/** What is stored must not keep alive the larger text it may be a slice of. */
function ownCopy(text: string): string {
  return Buffer.from(text).toString()
}
