/**
 * Who reads the streams of sessions at the moment: at most one reader for each journal, sent what is stored as it
 * comes, from where its client left off.
 *
 * A reader holds back whoever fills its stream, within bounds; one that takes nothing is cut off by its socket.
 * What is stored, and under which names, is streams.ts.
 */
import type { JournalPage, Journals, Position } from '../backplane/backplane.ts'
import { Wakeup } from '../base/wakeup.ts'
import type { Cancel } from '../base/cancel.ts'
import type { Clock } from '../base/clock.ts'
import type { CoarseTimers } from '../base/coarse-timers.ts'
import type { RpcId } from '../protocol/jsonrpc.ts'
import { sseComment, sseMessage, ssePriming, sseRetry } from '../protocol/sse.ts'
import { eventId, isListenStream, requestOf } from './event-id.ts'
import type { Begin } from './get-stream-spans.ts'
import type { SessionSettings } from './options.ts'
import { type Liveness, streamClosed, streamOpened } from './liveness.ts'

/** What a reader is told when the events it asks for are gone: the text of a message. */
export type TellExpired = (request: RpcId | undefined) => string

export interface Reading {
  readonly journal: string
  /** The name of the stream in the ids of its events. */
  readonly stream: string
  /** Where to go on: asked at its first turn, and whenever it gets its turn again. */
  readonly begin: () => Begin
  /** Whether other readers of the journal stay open, and take turns; else they end for this one. */
  readonly takesTurns: boolean
  /** The position that an event without data names first. */
  readonly prime: Position | undefined
  /** Told how far the stream has been sent; undefined if its events were lost and it goes on with what there is. */
  readonly sent: ((position: Position | undefined) => void) | undefined
  readonly liveness: Liveness
  readonly closed: Cancel
}

export interface StreamReaders {
  has(journal: string): boolean
  /** The text of a stream from a position on. The reader is there at once, not only when somebody pulls. */
  read(reading: Reading): AsyncIterable<string>
  /** Something is about to be stored that a reader has to take. */
  note(journal: string, chars: number): void
  /** Whether `caughtUp` would have to wait. */
  isBehind(journal: string, cancel: Cancel): boolean
  /**
   * Waits until the reader has caught up or is gone, or the call is cancelled: its cancellation must not wait as well.
   */
  caughtUp(journal: string, cancel: Cancel): Promise<void>
  /** Ends the readers of a session without a further word. */
  leave(liveness: Liveness): void
  /** Asks all readers to come back later. */
  release(retryMs: number): void
  readonly count: number
}

/** How long a client that loses its stream waits before it comes back. */
const comeBackMs = 1000
/** Event streams without a call that a session may hold; the next one ends the oldest. */
const maxListenStreams = 4
/** How far a reader may be behind before what feeds it waits, in characters. */
const maxLagChars = 256 * 1024

interface Reader {
  /** Appended since it last took all there was. */
  lagChars: number
  lagEvents: number
  leaving: { readonly retryMs: number | undefined } | undefined
  /** Rings when there is something to look at. */
  readonly wakeup: Wakeup
  /** Told when it has caught up, or is gone. */
  readonly onProgress: Array<() => void>
}

export function createStreamReaders(needs: {
  readonly journals: Journals
  readonly settings: SessionSettings
  /** What is kept of all streams of a session, in bytes. */
  readonly sessionBytes: number
  readonly timers: CoarseTimers
  readonly clock: Clock
  readonly tellExpired: TellExpired
}): StreamReaders {
  const { journals, settings, timers } = needs
  /** By journal, the newest last: it has the turn. The others wait for its end. */
  const readers = new Map<string, Reader[]>()
  const bySession = new WeakMap<Liveness, Reader[]>()
  // A reader that is there loses nothing: what feeds it waits before the journal drops what it has not read.
  const maxLag = {
    chars: Math.min(maxLagChars, settings.bytesPerStream / 2, needs.sessionBytes / 16),
    events: settings.eventsPerStream / 2,
  }

  const leave = (reader: Reader | undefined, retryMs: number | undefined): void => {
    if (!reader) return
    reader.leaving ??= { retryMs }
    // It may never come for the rest: what waits for it looks anew whether there is something to wait for.
    for (const goOn of reader.onProgress.splice(0)) goOn()
    reader.wakeup.notify()
  }

  const newest = (journal: string): Reader | undefined => readers.get(journal)?.at(-1)

  /** The reader that what is to be stored has to wait for. */
  const slow = (journal: string, cancel: Cancel): Reader | undefined => {
    const reader = cancel.cancelled ? undefined : newest(journal)
    // One that ends without a further word is sent nothing more; one that is asked to come back gets the rest before.
    if (reader?.leaving && reader.leaving.retryMs === undefined) return undefined
    return reader && (reader.lagChars >= maxLag.chars || reader.lagEvents >= maxLag.events) ? reader : undefined
  }

  async function* pull(reading: Reading, reader: Reader, gone: () => void): AsyncGenerator<string> {
    const { journal, stream, closed } = reading
    let position: Position | undefined
    let owed: Begin['owed'] | undefined
    let [hasTurn, isQuiet, isTold] = [false, false, false]
    try {
      if (reading.prime) yield ssePriming(eventId(stream, reading.prime), comeBackMs)
      while (!closed.cancelled) {
        reader.wakeup.clear()
        if (newest(journal) !== reader) {
          if (reader.leaving) return
          hasTurn = false
          if (isQuiet) yield sseComment
          isQuiet = (await reader.wakeup.next()) === 'quiet'
          continue
        }
        if (!hasTurn) {
          const begin = reading.begin()
          hasTurn = true
          // What it is owed stays its own, whoever has the turn in between.
          owed ??= begin.owed
          position = begin.from
        }
        const [span, ...later] = owed ?? []
        let page: Awaited<ReturnType<Journals['read']>> | undefined = await journals.read(
          journal,
          span?.from ?? position,
        )
        if (newest(journal) !== reader) continue
        if (span && typeof page === 'object') {
          owed = later
          const owing = textOf(stream, page, span.to)
          page = undefined
          if (owing !== '') yield owing
          continue
        }
        const isLost = page === 'expired' || (page === 'unknown' && position !== undefined)
        if (isLost && !reader.leaving) {
          yield sseMessage(needs.tellExpired(requestOf(stream)))
          if (!isListenStream(stream)) return
          position = undefined
          owed = []
          isTold = true
          reading.sent?.(undefined)
          continue
        }
        if (typeof page === 'object') {
          if (page.missed > 0 && !isTold) yield sseMessage(needs.tellExpired(requestOf(stream)))
          const { epoch, ended } = page
          const last = page.events.at(-1)?.offset
          if (last !== undefined) {
            position = { epoch, offset: last }
            reader.lagChars = reader.lagEvents = 0
            for (const goOn of reader.onProgress.splice(0)) goOn()
            reading.sent?.(position)
            let text: string | undefined = textOf(stream, page)
            // The journal may forget its events while the reader takes its time, and long before there is another one.
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

  /** A reader is gone: the newest of those that are left has the turn. */
  const pass = (journal: string, reader: Reader): void => {
    const left = (readers.get(journal) ?? []).filter((other) => other !== reader)
    if (left.length > 0) readers.set(journal, left)
    else readers.delete(journal)
    left.at(-1)?.wakeup.notify()
  }

  return {
    has: (journal) => readers.has(journal),
    read(reading) {
      const { journal, liveness, closed } = reading
      const wakeup = new Wakeup(timers, settings.keepAliveMs)
      const reader: Reader = { lagChars: 0, lagEvents: 0, leaving: undefined, wakeup, onProgress: [] }
      const others = readers.get(journal) ?? []
      const most = reading.takesTurns ? maxListenStreams - 1 : 0
      for (const ended of others.splice(0, Math.max(0, others.length - most))) leave(ended, undefined)
      readers.set(journal, [...others, reader])
      const ofSession = bySession.get(liveness) ?? []
      bySession.set(liveness, ofSession)
      ofSession.push(reader)
      streamOpened(liveness)
      let isOpen = true
      const stopTail = journals.tail(journal, () => wakeup.notify())
      const gone = (): void => {
        if (isOpen) streamClosed(liveness, needs.clock.now(), closed.cancelled)
        isOpen = false
        stopTail()
        stopClosed()
        pass(journal, reader)
        const at = ofSession.indexOf(reader)
        if (at >= 0) ofSession.splice(at, 1)
        for (const goOn of reader.onProgress.splice(0)) goOn()
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
    leave(liveness) {
      for (const reader of [...(bySession.get(liveness) ?? [])]) leave(reader, undefined)
    },
    release(retryMs) {
      for (const reader of [...readers.values()].flat()) leave(reader, retryMs)
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
