/**
 * Event streams of sessions: what is stored for each, and from where it is read.
 *
 * A call outlives its connection: its reply is written into a journal, and the connection only tails that. Events are
 * stored before they are sent, in the order in which they are sent, so a client that resumes with the last id it saw gets
 * each later event exactly once. Events that are no longer kept are reported, never skipped silently. The open readers are
 * in stream-readers.ts. [2025-11-25 transports]
 */
import type { JournalBounds, Journals, Position } from '../backplane/backplane.ts'
import type { Cancel } from '../base/cancel.ts'
import type { Clock } from '../base/clock.ts'
import { bytesOf, keep, type MemoryAccount, type MemoryBudget } from '../base/memory-budget.ts'
import { detachedText } from '../base/detached-text.ts'
import type { CoarseTimers } from '../base/coarse-timers.ts'
import { Refusal } from '../base/refusal.ts'
import type { RpcId } from '../protocol/jsonrpc.ts'
import { callStream, isListenStream, listenStream, listenStreamName, parseEventId, shortName } from './event-id.ts'
import { GetStreamSpans } from './get-stream-spans.ts'
import type { SessionSettings } from './options.ts'
import { createStreamReaders, type TellExpired } from './stream-readers.ts'
import type { LiveSession } from './sessions.ts'

export interface Streams {
  /**
   * Opens the stream of one POST; its events can be read until some time after its end.
   * Throws `session_not_found` if the session has ended.
   */
  openCall(liveSession: LiveSession, id: RpcId | undefined, prime: boolean): Promise<CallStream>
  /** Opens a GET stream. Events that belong to no call are sent on the newest GET stream of a session. */
  listen(liveSession: LiveSession, prime: boolean, closed: Cancel): Promise<AsyncIterable<string>>
  /** Resumes a stream after an event. Throws `unknown_event_id` for an id that mcplex cannot have written. */
  resume(liveSession: LiveSession, lastEventId: string, closed: Cancel): Promise<AsyncIterable<string>>
  /** Stores an event that belongs to no call, for the open GET stream or the next one. */
  tell(liveSession: LiveSession, text: string): Promise<void>
  /** Whether a GET stream is open. */
  isListening(liveSession: LiveSession): boolean
  /** The session has ended: ends its readers and forgets all events of its streams at once. */
  forget(liveSession: LiveSession): void
  /** Asks all readers to reconnect later: sends them `retry:` and ends their connections. The streams stay. */
  release(retryMs: number): void
  readonly open: number
}

export interface CallStream {
  /**
   * Stores an event. Waits while the reader is far behind, but not forever.
   * Throws `result_too_large` if the event is larger than all that is kept for one session; `memory_share_exceeded` or
   * `overloaded` if it has to wait and there is no memory for that.
   */
  append(text: string, cancel: Cancel): Promise<void>
  end(): Promise<void>
  /** The text to send, as it comes. */
  read(closed: Cancel): AsyncIterable<string>
}

/** Events that belong to no call are kept up to these bounds while no GET stream is open. */
const unread = { events: 256, bytes: 1024 * 1024 }
/** An event up to this size may wait even if memory is short, in bytes: their sum is bounded by the number of calls. */
const smallBytes = 16 * 1024

export function createStreams(needs: {
  readonly journals: Journals
  readonly settings: SessionSettings
  readonly memory: MemoryBudget
  readonly timers: CoarseTimers
  readonly clock: Clock
  readonly tellExpired: TellExpired
}): Streams {
  const { journals, settings, memory } = needs
  /** How many bytes are kept for one session, ended streams included: at least as many as for a single stream. */
  const sessionBytes = Math.max(memory.shareBytes, settings.bytesPerStream)
  const readers = createStreamReaders({ ...needs, sessionBytes })
  /** Counts the events that wait for slow readers before they are stored, by session. */
  const waiting = new WeakMap<LiveSession, MemoryAccount>()
  /** Which events were sent on which GET stream, by session. */
  const sentSpans = new WeakMap<LiveSession, GetStreamSpans>()
  const keepEnded = createEndedStreams(journals, settings.bytesPerStream)
  const instance = shortName()
  const ttlMs = settings.maxSessionMs
  const perStream = { events: settings.eventsPerStream, bytes: settings.bytesPerStream }
  const boundsOf = ({ key }: LiveSession, most: typeof unread): JournalBounds => ({
    ...most,
    ttlMs,
    owner: { name: key, bytes: sessionBytes },
  })

  const journalOf = (liveSession: LiveSession, stream: string): string => `${liveSession.key}/${stream}`

  const spansOf = (liveSession: LiveSession): GetStreamSpans => {
    const spans = sentSpans.get(liveSession) ?? new GetStreamSpans()
    sentSpans.set(liveSession, spans)
    return spans
  }

  const waitingOf = (liveSession: LiveSession): MemoryAccount => {
    const account = waiting.get(liveSession) ?? memory.account(sessionBytes)
    waiting.set(liveSession, account)
    return account
  }

  /** Reads the events that belong to no call, on a GET stream of that name. */
  const readListen = (
    liveSession: LiveSession,
    stream: string,
    seen: Position | undefined,
    prime: Position | undefined,
    closed: Cancel,
  ): AsyncIterable<string> => {
    const spans = spansOf(liveSession)
    let last = seen
    return readers.read({
      journal: journalOf(liveSession, listenStream),
      stream,
      begin() {
        const begin = spans.begin(stream, last)
        last = undefined
        return begin
      },
      sharesJournal: true,
      prime,
      sent: (position) => spans.note(stream, position),
      liveness: liveSession.liveness,
      closed,
    })
  }

  return {
    async openCall(liveSession, id, prime) {
      const stream = callStream(instance, liveSession.streams++, id)
      const journal = journalOf(liveSession, stream)
      const bounds = boundsOf(liveSession, perStream)
      const start = await journals.append(journal, [], bounds)
      if (liveSession.ended) {
        await journals.dropAll(liveSession.key)
        throw new Refusal('session_not_found')
      }
      const { liveness } = liveSession
      let sum = 0
      let newest = 0
      return {
        async append(text, cancel) {
          const held = bytesOf(text)
          if (held > sessionBytes) throw tooLarge()
          if (readers.isBehind(journal, cancel)) {
            const account = waitingOf(liveSession)
            // A small event may be the error that reports the refusal of a large one.
            if (held <= smallBytes) account.add(held)
            else keep(account, held)
            await readers.caughtUp(journal, cancel).finally(() => account.release(held))
          }
          if (liveSession.ended) return
          newest = held
          sum += held
          readers.note(journal, text.length)
          // A copy: the text may be a slice that keeps a larger text in memory.
          await journals.append(journal, [detachedText(text)], bounds)
        },
        async end() {
          if (liveSession.ended) return
          await journals.end(journal, settings.retentionMs)
          await keepEnded(liveSession, { journal, bytes: Math.max(newest, Math.min(sum, bounds.bytes)) })
        },
        read: (closed) =>
          readers.read({
            journal,
            stream,
            begin: () => ({ owed: [], from: start }),
            sharesJournal: false,
            prime: prime ? start : undefined,
            sent: undefined,
            liveness,
            closed,
          }),
      }
    },
    async listen(liveSession, prime, closed) {
      const journal = journalOf(liveSession, listenStream)
      const { sent } = spansOf(liveSession)
      const isNew = prime && sent === undefined
      const empty = isNew ? await journals.append(journal, [], boundsOf(liveSession, unread)) : undefined
      if (liveSession.ended) {
        await journals.dropAll(liveSession.key)
        throw new Refusal('session_not_found')
      }
      // The position before the events stored while no stream was open: a stream cut right after the priming event resumes there.
      const begin = sent ?? (empty && { epoch: empty.epoch, offset: 0 })
      return readListen(liveSession, listenStreamName(), undefined, prime ? begin : undefined, closed)
    },
    async resume(liveSession, lastEventId, closed) {
      const id = parseEventId(lastEventId)
      if (!id) throw new Refusal('unknown_event_id')
      const { stream, position } = id
      if (isListenStream(stream)) return readListen(liveSession, stream, position, undefined, closed)
      const { liveness } = liveSession
      const journal = journalOf(liveSession, stream)
      return readers.read({
        journal,
        stream,
        begin: () => ({ owed: [], from: position }),
        sharesJournal: false,
        prime: undefined,
        sent: undefined,
        liveness,
        closed,
      })
    },
    async tell(liveSession, text) {
      if (liveSession.ended) return
      const journal = journalOf(liveSession, listenStream)
      // An event too large for the session is reported as lost, like a dropped one.
      const event = bytesOf(text) > sessionBytes ? needs.tellExpired(undefined) : detachedText(text)
      await journals.append(journal, [event], boundsOf(liveSession, readers.has(journal) ? perStream : unread))
    },
    isListening: (liveSession) => readers.has(journalOf(liveSession, listenStream)),
    forget(liveSession) {
      readers.leave(liveSession.liveness)
      journals.dropAll(liveSession.key).catch(() => undefined)
    },
    release: (retryMs) => readers.release(retryMs),
    get open() {
      return readers.count
    },
  }
}

function tooLarge(): Refusal {
  return new Refusal('result_too_large', { message: 'The result is larger than all that is kept for one session.' })
}

/** For each session, ended streams are kept that hold together at most as much as so many full streams, and at most so many streams. */
const maxEndedFull = 2
const maxEndedStreams = 256
/** The cost of the name of an ended stream, in bytes; the name may outlive its events. */
const nameBytes = 256

interface EndedStream {
  readonly journal: string
  /** The most bytes that it still holds. */
  readonly bytes: number
}

/**
 * Keeps ended streams for clients that resume them, bounded for each session. The oldest are forgotten first.
 * @returns adds a stream that has ended, and forgets others if there are too many
 */
function createEndedStreams(
  journals: Journals,
  bytesPerStream: number,
): (liveSession: LiveSession, ended: EndedStream) => Promise<void> {
  const bySession = new WeakMap<LiveSession, EndedStream[]>()
  return async (liveSession, ended) => {
    const kept = bySession.get(liveSession) ?? []
    bySession.set(liveSession, kept)
    kept.push(ended)
    liveSession.memory.add(nameBytes)
    let bytes = kept.reduce((sum, stream) => sum + stream.bytes, 0)
    while (kept.length > 1 && (bytes > maxEndedFull * bytesPerStream || kept.length > maxEndedStreams)) {
      const oldest = kept.shift()
      liveSession.memory.release(nameBytes)
      bytes -= oldest?.bytes ?? 0
      if (oldest) await journals.drop(oldest.journal)
    }
  }
}
