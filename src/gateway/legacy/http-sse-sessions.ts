/**
 * Sessions that live as long as one event stream, as the transport HTTP+SSE has them: who holds a stream, and the
 * session that its client has opened on it. A stream holds a place from its beginning; when the stream ends, so does
 * the session, and the other way round. What is said on it is the business of stream-messages.ts.
 * [2024-11-05 transports, HTTP with SSE]
 */
import type { Cancel } from '../../base/cancel.ts'
import type { Clock } from '../../base/clock.ts'
import { shortId, unguessableId } from '../../base/ids.ts'
import type { Lease } from '../../base/lease.ts'
import type { MemoryBudget } from '../../base/memory-budget.ts'
import type { CoarseTimers } from '../../base/coarse-timers.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Principal, ClientDescription } from '../../protocol/call.ts'
import { endpointEvent } from '../../protocol/http-sse.ts'
import { createLiveStream, type LiveBounds, type LiveStream } from '../../sessions/live-stream.ts'
import type { SessionSettings } from '../../sessions/options.ts'
import { streamClosed, streamOpened } from '../../sessions/liveness.ts'
import { sessionKey } from '../../sessions/session.ts'
import type { Sessions, LiveSession } from '../../sessions/sessions.ts'
import { createEndedSseClients } from './ended-sse-clients.ts'
import { expiredText } from './notices.ts'

/** A stream, and the session on it. */
export interface SseSession {
  readonly principal: Principal
  readonly stream: LiveStream
  readonly openedMs: number
  /** Its place as a client: the session's, once there is one. */
  readonly place: Lease
  /** The session, once its client has said who it is. */
  liveSession: LiveSession | undefined
  /** Resolves when the session that its client is about to open is there, or could not be opened. */
  opening: Promise<void> | undefined
  /** Whether it was cut for the memory that it held. */
  gaveWay: boolean
  /** What the client said of itself in the session that ended with its last stream, if that is known. */
  readonly before: ClientDescription | undefined
}

export interface SseSessions {
  /**
   * A new stream, to be read once; `place` is given back at its end. Throws `cancelled` if the client is gone.
   * @param after the name of the stream that the client had before, as it says
   */
  open(principal: Principal, place: Lease, closed: Cancel, after: string | undefined): AsyncIterable<string>
  /** The stream that goes by an id, if it is this principal's. */
  find(principal: Principal, id: string): SseSession | undefined
  /** Gives a stream its session. Ends the session if the stream is over already. */
  bind(holder: SseSession, liveSession: LiveSession): void
  /** Says something on the stream of a session; false if it has none of this kind. */
  tell(liveSession: LiveSession, text: string): boolean
  /** Whether a session has a stream of this kind. */
  has(liveSession: LiveSession): boolean
  /** Ends up to so many streams whose clients have opened no session, and says how many. For a full house. */
  evictIdle(wanted: number): number
  /** Ends all streams, as soon as what was said on them has been taken. */
  release(): void
  readonly count: number
}

/** In a full house, a client that has not said a word after this time gives way, in milliseconds. */
const silentMs = 5000

/** How far a reader may be behind before calls wait for it, in characters. */
const maxLagChars = 256 * 1024

export function createSseSessions(needs: {
  readonly sessions: Pick<Sessions, 'end'>
  readonly memory: MemoryBudget
  readonly settings: SessionSettings
  readonly timers: CoarseTimers
  readonly clock: Clock
}): SseSessions {
  const { sessions, memory, settings, timers, clock } = needs
  const byKey = new Map<string, SseSession>()
  const bySession = new WeakMap<LiveSession, SseSession>()
  const ended = createEndedSseClients(
    timers,
    2 * settings.idleTimeoutMs,
    memory.account(memory.lastingShareBytes, 'lasting'),
  )
  const byName = new Map<string, SseSession>()
  const { eventsPerStream: events, bytesPerStream: chars, keepAliveMs } = settings
  const bounds: LiveBounds = {
    near: { chars: Math.min(maxLagChars, chars / 2), events: events / 2 },
    far: { chars, events },
  }
  const loss = expiredText(undefined)

  // Those that keep most for readers that do not read: a stream that is cut cannot be resumed, its session ends.
  memory.onPressure('slow_readers', (bytes) => {
    const holders = [...byKey.values()].filter(({ stream }) => stream.heldBytes > 0)
    holders.sort((a, b) => b.stream.heldBytes - a.stream.heldBytes)
    let freed = 0
    for (const holder of holders) {
      if (freed >= bytes) break
      freed += holder.stream.heldBytes
      holder.gaveWay = true
      holder.stream.cut()
    }
  })

  /** @param isCut whether the client has left, and not we */
  const end = (liveSession: LiveSession, isCut: boolean, gaveWay: boolean): void => {
    streamClosed(liveSession.liveness, clock.now(), isCut)
    sessions.end(liveSession, isCut ? 'client' : gaveWay ? 'evicted' : 'drain').catch(() => undefined)
  }

  /** A client may be back before the end of its last connection is noticed. */
  const clientBefore = (key: string): ClientDescription | undefined => {
    const holder = byName.get(key)
    // Its client is known by its next stream from here on.
    byName.delete(key)
    return holder?.liveSession?.session.client ?? holder?.before ?? ended.take(key)
  }

  return {
    open(principal, place, closed, after) {
      if (closed.cancelled) throw new Refusal('cancelled')
      const id = unguessableId()
      const name = shortId()
      const key = sessionKey(principal, id)
      const onOver = (): void => {
        stopWaiting()
        byKey.delete(key)
        place.release()
        const isLast = byName.delete(sessionKey(principal, name))
        const { liveSession, before } = holder
        // One that has come back may lose its stream again before it has said a word.
        const client = liveSession?.session.client ?? before
        if (isLast && client) ended.add(sessionKey(principal, name), client)
        if (liveSession) end(liveSession, closed.cancelled, holder.gaveWay)
      }
      const greeting = endpointEvent(id, name)
      const stream = createLiveStream({
        greeting,
        loss,
        bounds,
        memory: memory.account(memory.shareBytes),
        keepAliveMs,
        timers,
        closed,
        onOver,
      })
      const holder: SseSession = {
        principal,
        stream,
        openedMs: clock.now(),
        place,
        liveSession: undefined,
        opening: undefined,
        gaveWay: false,
        before: after === undefined ? undefined : clientBefore(sessionKey(principal, after)),
      }
      // A client that reconnected has done its handshake, and may have nothing to ask for a while.
      const patienceMs = after === undefined ? settings.handshakeTimeoutMs : settings.idleTimeoutMs
      const stopWaiting = timers.after(patienceMs, () => {
        if (!holder.liveSession) stream.end()
      })
      byKey.set(key, holder)
      byName.set(sessionKey(principal, name), holder)
      return stream.read()
    },
    find(principal, id) {
      const holder = byKey.get(sessionKey(principal, id))
      return holder?.liveSession?.ended === true ? undefined : holder
    },
    bind(holder, liveSession) {
      holder.liveSession = liveSession
      bySession.set(liveSession, holder)
      streamOpened(liveSession.liveness)
      liveSession.onEnd.push(() => holder.stream.end())
      if (holder.stream.isOver) end(liveSession, true, false)
    },
    tell(liveSession, text) {
      const stream = bySession.get(liveSession)?.stream
      stream?.tell(text)
      return stream !== undefined
    },
    has: (liveSession) => bySession.has(liveSession),
    evictIdle(wanted) {
      let gone = 0
      const latest = clock.now() - silentMs
      for (const { stream, place, openedMs, liveSession, opening } of byKey.values()) {
        if (gone >= wanted || openedMs > latest) break
        if (liveSession || opening || stream.isOver) continue
        gone++
        stream.end()
        place.release()
      }
      return gone
    },
    release() {
      for (const { stream } of byKey.values()) stream.end()
    },
    get count() {
      return byKey.size
    },
  }
}
