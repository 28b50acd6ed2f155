/**
 * The output of a session over Streamable HTTP: event streams that are written into journals.
 *
 * A call outlives its connection: its reply is written into a journal, and the connection only tails that. Events are
 * stored before they are sent, in the order in which they are sent, so a client that resumes with the last id it saw gets
 * each later event exactly once. Events that are no longer kept are reported, never skipped silently. What all sessions
 * share is in journalled-streams.ts, the open readers are in stream-readers.ts. [2025-11-25 transports]
 */
import type { JournalBounds, Journals, Position } from '../backplane/backplane.ts'
import type { Cancel } from '../base/cancel.ts'
import { detachedText } from '../base/detached-text.ts'
import { bytesOf, reserve, type MemoryAccount, type MemoryBudget } from '../base/memory-budget.ts'
import { Refusal } from '../base/refusal.ts'
import type { RpcId } from '../protocol/jsonrpc.ts'
import { callStream, isListenStream, listenStream, listenStreamName, parseEventId } from './event-id.ts'
import { GetStreamSpans } from './get-stream-spans.ts'
import type { LiveSession } from './live-session.ts'
import type { SessionSettings } from './options.ts'
import type { SessionOutput } from './session-output.ts'
import type { ExpiredText, StreamReader, StreamReaders } from './stream-readers.ts'

/** The stream of one POST. */
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

/** What the outputs of all sessions share. */
export interface JournalledOutputNeeds {
  readonly journals: Journals
  readonly readers: StreamReaders
  readonly settings: SessionSettings
  readonly memory: MemoryBudget
  /** How many bytes are kept for one session, ended streams included. */
  readonly sessionBytes: number
  /** The name of this instance in the names of streams. */
  readonly instance: string
  readonly expiredText: ExpiredText
}

/** An ended stream whose events are kept for a client that resumes it. */
interface EndedStream {
  readonly journal: string
  /** The most bytes that it still holds. */
  readonly bytes: number
}

/** Events that belong to no call are kept up to these bounds while no GET stream is open. */
const unread = { events: 256, bytes: 1024 * 1024 }
/** An event up to this size may wait even if memory is short, in bytes: their sum is bounded by the number of calls. */
const smallBytes = 16 * 1024
/** The ended streams of a session are kept up to this number, and up to the bytes of so many full streams. The oldest are forgotten first. */
const maxEndedStreams = 256
const maxEndedFull = 2
/** The cost of the name of an ended stream, in bytes; the name may outlive its events. */
const nameBytes = 256

export class JournalledOutput implements SessionOutput {
  readonly kind = 'journalled'
  readonly #needs: JournalledOutputNeeds
  readonly #liveSession: LiveSession
  /** How many streams of calls were opened: numbers them. */
  #streams = 0
  /** Which events were sent on which GET stream. */
  #sentSpans: GetStreamSpans | undefined
  /** Counts the events that wait for slow readers before they are stored. */
  #waiting: MemoryAccount | undefined
  #endedStreams: EndedStream[] | undefined
  /** The open readers of all streams of the session. */
  #readers: StreamReader[] | undefined

  constructor(needs: JournalledOutputNeeds, liveSession: LiveSession) {
    this.#needs = needs
    this.#liveSession = liveSession
  }

  get isRead(): boolean {
    return this.#needs.readers.has(this.#journal(listenStream))
  }

  /** Stores a message that belongs to no call, for the open GET stream or the next one. */
  send(text: string): void {
    if (this.#liveSession.ended) return
    const { journals, sessionBytes, expiredText, settings } = this.#needs
    const most = this.isRead ? perStream(settings) : unread
    // An event too large for the session is reported as lost, like a dropped one.
    const event = bytesOf(text) > sessionBytes ? expiredText(undefined) : detachedText(text)
    journals.append(this.#journal(listenStream), [event], this.#bounds(most)).catch(() => undefined)
  }

  /**
   * Opens the stream of one POST; its events can be read until some time after its end.
   * @param hasPriming whether it begins with a priming event
   * Throws `session_not_found` if the session has ended.
   */
  async openCall(id: RpcId | undefined, hasPriming: boolean): Promise<CallStream> {
    const { journals, readers, settings, instance, sessionBytes } = this.#needs
    const stream = callStream(instance, this.#streams++, id)
    const journal = this.#journal(stream)
    const bounds = this.#bounds(perStream(settings))
    const start = await journals.append(journal, [], bounds)
    await this.#checkOpen()
    let sum = 0
    let newest = 0
    return {
      append: async (text, cancel) => {
        const bytes = bytesOf(text)
        if (bytes > sessionBytes) throw tooLarge()
        if (readers.isBehind(journal, cancel)) await this.#waitForReader(journal, bytes, cancel)
        if (this.#liveSession.ended) return
        newest = bytes
        sum += bytes
        readers.note(journal, text.length)
        // A copy: the text may be a slice that keeps a larger text in memory.
        await journals.append(journal, [detachedText(text)], bounds)
      },
      end: async () => {
        if (this.#liveSession.ended) return
        await journals.end(journal, settings.retentionMs)
        await this.#keepEnded({ journal, bytes: Math.max(newest, Math.min(sum, bounds.bytes)) })
      },
      read: (closed) => this.#readCall(stream, start, hasPriming ? start : undefined, closed),
    }
  }

  /** Opens a GET stream. Events that belong to no call are sent on the newest GET stream of a session. */
  async listen(hasPriming: boolean, closed: Cancel): Promise<AsyncIterable<string>> {
    const { sent } = (this.#sentSpans ??= new GetStreamSpans())
    const isNew = hasPriming && sent === undefined
    const empty = isNew
      ? await this.#needs.journals.append(this.#journal(listenStream), [], this.#bounds(unread))
      : undefined
    await this.#checkOpen()
    // The position before the events stored while no stream was open: a stream cut right after the priming event resumes there.
    const start = sent ?? (empty && { epoch: empty.epoch, offset: 0 })
    return this.#readListen(listenStreamName(), undefined, hasPriming ? start : undefined, closed)
  }

  /** Resumes a stream after an event. Throws `unknown_event_id` for an id that mcplex cannot have written. */
  resume(lastEventId: string, closed: Cancel): AsyncIterable<string> {
    const id = parseEventId(lastEventId)
    if (!id) throw new Refusal('unknown_event_id')
    return isListenStream(id.stream)
      ? this.#readListen(id.stream, id.position, undefined, closed)
      : this.#readCall(id.stream, id.position, undefined, closed)
  }

  end(): void {
    if (this.#readers) this.#needs.readers.leave(this.#readers)
    this.#needs.journals.dropAll(this.#liveSession.key).catch(() => undefined)
  }

  #journal(stream: string): string {
    return `${this.#liveSession.key}/${stream}`
  }

  #bounds(most: typeof unread): JournalBounds {
    const owner = { name: this.#liveSession.key, bytes: this.#needs.sessionBytes }
    return { ...most, ttlMs: this.#needs.settings.maxSessionMs, owner }
  }

  /** Throws `session_not_found` if the session has ended while a journal was begun for it. */
  async #checkOpen(): Promise<void> {
    if (!this.#liveSession.ended) return
    await this.#needs.journals.dropAll(this.#liveSession.key)
    throw new Refusal('session_not_found')
  }

  /** Waits until the reader of a journal has caught up, and counts the event that waits meanwhile. */
  async #waitForReader(journal: string, bytes: number, cancel: Cancel): Promise<void> {
    const account = (this.#waiting ??= this.#needs.memory.account(this.#needs.sessionBytes))
    // A small event may be the error that reports the refusal of a large one.
    if (bytes <= smallBytes) account.add(bytes)
    else reserve(account, bytes)
    await this.#needs.readers.caughtUp(journal, cancel).finally(() => account.release(bytes))
  }

  /** Reads the stream of a call from a position on. */
  #readCall(stream: string, from: Position, priming: Position | undefined, closed: Cancel): AsyncIterable<string> {
    return this.#needs.readers.read({
      journal: this.#journal(stream),
      stream,
      start: () => ({ resend: [], from }),
      sharesJournal: false,
      priming,
      sent: undefined,
      liveness: this.#liveSession.liveness,
      ofSession: (this.#readers ??= []),
      closed,
    })
  }

  /**
   * Reads the events that belong to no call, on a GET stream of that name.
   * @param seen the last event that the client has seen, if it resumes the stream
   */
  #readListen(
    stream: string,
    seen: Position | undefined,
    priming: Position | undefined,
    closed: Cancel,
  ): AsyncIterable<string> {
    const spans = (this.#sentSpans ??= new GetStreamSpans())
    // What the client has seen counts for the first start alone: later ones continue after what was sent.
    let isFirst = true
    return this.#needs.readers.read({
      journal: this.#journal(listenStream),
      stream,
      start() {
        const start = spans.startOf(stream, isFirst ? seen : undefined)
        isFirst = false
        return start
      },
      sharesJournal: true,
      priming,
      sent: (position) => spans.note(stream, position),
      liveness: this.#liveSession.liveness,
      ofSession: (this.#readers ??= []),
      closed,
    })
  }

  /** Keeps a stream that has ended for a client that resumes it, and forgets the oldest ones beyond the bounds. */
  async #keepEnded(ended: EndedStream): Promise<void> {
    const { journals, settings } = this.#needs
    const { memory } = this.#liveSession
    const kept = (this.#endedStreams ??= [])
    kept.push(ended)
    memory.add(nameBytes)
    let bytes = kept.reduce((sum, stream) => sum + stream.bytes, 0)
    while (kept.length > 1 && (bytes > maxEndedFull * settings.bytesPerStream || kept.length > maxEndedStreams)) {
      const oldest = kept.shift()
      memory.release(nameBytes)
      bytes -= oldest?.bytes ?? 0
      if (oldest) await journals.drop(oldest.journal)
    }
  }
}

/** The output of a session over Streamable HTTP. Throws `session_not_found` for one over HTTP+SSE, which has no such streams. */
export function journalledOutput({ output }: LiveSession): JournalledOutput {
  if (output instanceof JournalledOutput) return output
  throw new Refusal('session_not_found')
}

function perStream({ eventsPerStream, bytesPerStream }: SessionSettings): typeof unread {
  return { events: eventsPerStream, bytes: bytesPerStream }
}

function tooLarge(): Refusal {
  return new Refusal('result_too_large', { message: 'The result is larger than all that is kept for one session.' })
}
