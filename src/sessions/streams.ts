/**
 * Event streams of sessions: what is stored for each, and from where it is read.
 *
 * A call outlives its socket here: its reply is carried into a journal, and the socket only tails that. Events are
 * stored before they are sent, in the order in which they are sent, so a client that comes back with the last id it
 * saw gets each later one exactly once. What is no longer there is told, never skipped. Who reads at the moment is
 * readers.ts. [2025-11-25 transports]
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
import { createEndedStreams } from './ended-streams.ts'
import { GetStreamSpans } from './get-stream-spans.ts'
import type { SessionSettings } from './options.ts'
import { createStreamReaders, type TellExpired } from './stream-readers.ts'
import type { LiveSession } from './sessions.ts'

export interface Streams {
  /**
   * Opens the stream of one POST: what is appended to it can be read until some time after its end.
   * Throws `session_not_found` if the session has ended.
   */
  openCall(liveSession: LiveSession, id: RpcId | undefined, prime: boolean): Promise<CallStream>
  /** Opens a stream that belongs to no call. What belongs to no call goes to the newest of a session's streams. */
  listen(liveSession: LiveSession, prime: boolean, closed: Cancel): Promise<AsyncIterable<string>>
  /** Goes on after an event. Throws `unknown_event_id` for an id that is none of ours. */
  resume(liveSession: LiveSession, lastEventId: string, closed: Cancel): Promise<AsyncIterable<string>>
  /** Stores an event that belongs to no call, for the open stream or the next one. */
  tell(liveSession: LiveSession, text: string): Promise<void>
  /** Whether a stream that belongs to no call is open. */
  isListening(liveSession: LiveSession): boolean
  /** The session is over: its readers are let go, and all that was kept of its streams is forgotten at once. */
  forget(liveSession: LiveSession): void
  /** Asks all readers to come back later: sends them `retry:` and ends their sockets. The streams live on. */
  release(retryMs: number): void
  readonly open: number
}

export interface CallStream {
  /**
   * Stores an event. Waits while a reader is far behind, but not for ever.
   * Throws `result_too_large` if it is more than may be kept for one session; if it would have to wait,
   * `memory_share_exceeded` or `overloaded` if there is no memory for that.
   */
  append(text: string, cancel: Cancel): Promise<void>
  end(): Promise<void>
  /** The text to send as it comes. */
  read(closed: Cancel): AsyncIterable<string>
}

/** Events that are kept for a stream that nobody has open. */
const unread = { events: 256, bytes: 1024 * 1024 }
/** What waits for its reader even where memory is short, in bytes: bounded by the number of calls. */
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
  /** What is kept for one session, finished streams and all: more than any single stream may hold. */
  const sessionBytes = Math.max(memory.shareBytes, settings.bytesPerStream)
  const readers = createStreamReaders({ ...needs, sessionBytes })
  /** Counts the events that wait for slow readers before they are stored, by session. */
  const waiting = new WeakMap<LiveSession, MemoryAccount>()
  /** What of the events without a call was sent, by session. */
  const listened = new WeakMap<LiveSession, GetStreamSpans>()
  const finished = createEndedStreams(journals, settings.bytesPerStream)
  const instance = shortName()
  const ttlMs = settings.maxSessionMs
  const perStream = { events: settings.eventsPerStream, bytes: settings.bytesPerStream }
  const boundsOf = ({ key }: LiveSession, most: typeof unread): JournalBounds => ({
    ...most,
    ttlMs,
    owner: { name: key, bytes: sessionBytes },
  })

  const journalOf = (liveSession: LiveSession, stream: string): string => `${liveSession.key}/${stream}`

  const turnsOf = (liveSession: LiveSession): GetStreamSpans => {
    const turns = listened.get(liveSession) ?? new GetStreamSpans()
    listened.set(liveSession, turns)
    return turns
  }

  const waitingOf = (liveSession: LiveSession): MemoryAccount => {
    const account = waiting.get(liveSession) ?? memory.account(sessionBytes)
    waiting.set(liveSession, account)
    return account
  }

  /** Reads what belongs to no call, on a stream of that name. */
  const readListen = (
    liveSession: LiveSession,
    stream: string,
    seen: Position | undefined,
    prime: Position | undefined,
    closed: Cancel,
  ): AsyncIterable<string> => {
    const turns = turnsOf(liveSession)
    let last = seen
    return readers.read({
      journal: journalOf(liveSession, listenStream),
      stream,
      begin() {
        const begin = turns.begin(stream, last)
        last = undefined
        return begin
      },
      takesTurns: true,
      prime,
      sent: (position) => turns.note(stream, position),
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
            // A small one may be the word that a large one was refused.
            if (held <= smallBytes) account.add(held)
            else keep(account, held)
            await readers.caughtUp(journal, cancel).finally(() => account.release(held))
          }
          if (liveSession.ended) return
          newest = held
          sum += held
          readers.note(journal, text.length)
          // The text may be a part of a larger one.
          await journals.append(journal, [detachedText(text)], bounds)
        },
        async end() {
          if (liveSession.ended) return
          await journals.end(journal, settings.retentionMs)
          await finished.keep(liveSession, { journal, bytes: Math.max(newest, Math.min(sum, bounds.bytes)) })
        },
        read: (closed) =>
          readers.read({
            journal,
            stream,
            begin: () => ({ owed: [], from: start }),
            takesTurns: false,
            prime: prime ? start : undefined,
            sent: undefined,
            liveness,
            closed,
          }),
      }
    },
    async listen(liveSession, prime, closed) {
      const journal = journalOf(liveSession, listenStream)
      const { sent } = turnsOf(liveSession)
      const isNew = prime && sent === undefined
      const empty = isNew ? await journals.append(journal, [], boundsOf(liveSession, unread)) : undefined
      if (liveSession.ended) {
        await journals.dropAll(liveSession.key)
        throw new Refusal('session_not_found')
      }
      // Before whatever was stored while nobody listened, or a cut right after the priming event would lose it.
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
        takesTurns: false,
        prime: undefined,
        sent: undefined,
        liveness,
        closed,
      })
    },
    async tell(liveSession, text) {
      if (liveSession.ended) return
      const journal = journalOf(liveSession, listenStream)
      // What is too large for the session is told as a loss, like what was dropped.
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
  return new Refusal('result_too_large', { message: 'The result is larger than what may be kept for one session.' })
}
