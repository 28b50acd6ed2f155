/**
 * Sessions of the transport HTTP+SSE, which live as long as one event stream. A stream holds an admission lease from
 * its beginning, and its client opens a session on it; when the stream ends, so does the session, and the other way
 * round. The messages are handled in http-sse.ts.
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
import type { LiveSession } from '../../sessions/live-session.ts'
import type { Sessions } from '../../sessions/sessions.ts'
import { createEndedSseClients } from './ended-sse-clients.ts'
import { expiredText } from './notices.ts'

/** An event stream and its session. */
export interface SseSession {
  readonly principal: Principal
  /** The name of the endpoint that it was opened at; empty for that of all upstreams. */
  readonly endpoint: string
  readonly stream: LiveStream
  readonly openedMs: number
  /** The admission lease of the client; it passes to the session once there is one. */
  readonly lease: Lease
  /** The session, once the client has sent initialize. */
  liveSession: LiveSession | undefined
  /** Set while the session is being opened; resolves when it is open or could not be opened. */
  opening: Promise<void> | undefined
  /** Whether it was cut to free the memory that it held. */
  isEvicted: boolean
  /** The description of the client in its last session, if it reconnected and the description is known. */
  readonly previousClient: ClientDescription | undefined
}

export interface SseSessions {
  /**
   * Opens a stream, to be read once; `lease` is released at its end. Throws `cancelled` if the client has disconnected.
   * @param after the name of the client's previous stream, as the client states it
   */
  open(
    principal: Principal,
    lease: Lease,
    closed: Cancel,
    after: string | undefined,
    endpoint?: string,
  ): AsyncIterable<string>
  /** The stream with an id, if it belongs to this principal. */
  find(principal: Principal, id: string): SseSession | undefined
  /** Binds a session, whose output is the stream, to it. Ends the session if the stream has ended already. */
  bind(sseSession: SseSession, liveSession: LiveSession): void
  /** At capacity: ends up to `wanted` streams whose clients have opened no session; returns how many it ended. */
  evictIdle(wanted: number): number
  /** Ends all streams, each once its reader has taken what was written. */
  release(): void
  readonly count: number
}

/** At capacity, a stream without a session may be ended after this time. */
const silentMs = 5000

/** How much may be unread before calls wait for the reader, in characters. */
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
  const endedClients = createEndedSseClients(
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

  // Cuts the streams with the most unread bytes. Such a stream cannot be resumed, so its session ends.
  memory.onPressure('slow_readers', (bytes) => {
    const unread = [...byKey.values()].filter(({ stream }) => stream.heldBytes > 0)
    unread.sort((a, b) => b.stream.heldBytes - a.stream.heldBytes)
    let freed = 0
    for (const sseSession of unread) {
      if (freed >= bytes) break
      freed += sseSession.stream.heldBytes
      sseSession.isEvicted = true
      sseSession.stream.cut()
    }
  })

  /** @param isCut whether the client has disconnected */
  const end = (liveSession: LiveSession, isCut: boolean, isEvicted: boolean): void => {
    streamClosed(liveSession.liveness, clock.now(), isCut)
    sessions.end(liveSession, isCut ? 'client' : isEvicted ? 'evicted' : 'drain').catch(() => undefined)
  }

  /** The description of a client that reconnects, perhaps before the end of its last connection is noticed. */
  const previousClientOf = (key: string): ClientDescription | undefined => {
    const sseSession = byName.get(key)
    // From here on its next stream holds the description.
    byName.delete(key)
    return sseSession?.liveSession?.session.client ?? sseSession?.previousClient ?? endedClients.take(key)
  }

  return {
    open(principal, lease, closed, after, endpoint = '') {
      if (closed.cancelled) throw new Refusal('cancelled')
      const id = unguessableId()
      const name = shortId()
      const key = sessionKey(principal, id)
      const onOver = (): void => {
        stopWaiting()
        byKey.delete(key)
        lease.release()
        const isLast = byName.delete(sessionKey(principal, name))
        const { liveSession, previousClient } = sseSession
        // A client that reconnected may lose its stream again before it has opened a session.
        const client = liveSession?.session.client ?? previousClient
        if (isLast && client) endedClients.add(sessionKey(principal, name), client)
        if (liveSession) end(liveSession, closed.cancelled, sseSession.isEvicted)
      }
      const stream = createLiveStream({
        firstEvent: endpointEvent(id, name, endpoint),
        loss,
        bounds,
        memory: memory.account(memory.shareBytes),
        keepAliveMs,
        timers,
        closed,
        onOver,
      })
      const sseSession: SseSession = {
        principal,
        endpoint,
        stream,
        openedMs: clock.now(),
        lease,
        liveSession: undefined,
        opening: undefined,
        isEvicted: false,
        previousClient: after === undefined ? undefined : previousClientOf(sessionKey(principal, after)),
      }
      // A client that reconnected has done its handshake, and may send nothing for a while.
      const waitMs = after === undefined ? settings.handshakeTimeoutMs : settings.idleTimeoutMs
      const stopWaiting = timers.after(waitMs, () => {
        if (!sseSession.liveSession) stream.end()
      })
      byKey.set(key, sseSession)
      byName.set(sessionKey(principal, name), sseSession)
      return stream.read()
    },
    find(principal, id) {
      const sseSession = byKey.get(sessionKey(principal, id))
      return sseSession?.liveSession?.ended === true ? undefined : sseSession
    },
    bind(sseSession, liveSession) {
      sseSession.liveSession = liveSession
      streamOpened(liveSession.liveness)
      if (sseSession.stream.isOver) end(liveSession, true, false)
    },
    evictIdle(wanted) {
      let ended = 0
      const latest = clock.now() - silentMs
      for (const { stream, lease, openedMs, liveSession, opening } of byKey.values()) {
        if (ended >= wanted || openedMs > latest) break
        if (liveSession || opening || stream.isOver) continue
        ended++
        stream.end()
        lease.release()
      }
      return ended
    },
    release() {
      for (const { stream } of byKey.values()) stream.end()
    },
    get count() {
      return byKey.size
    },
  }
}
