/**
 * Opens, finds, changes and ends sessions, always by tenant, subject and id.
 *
 * The record of a session is in the backplane. Besides, this instance holds a `LiveSession` for each session that it
 * serves: calls in flight, the open stream, what to release at the end. A sweep ends live sessions that are idle, too old,
 * or did not complete their handshake.
 */
import type { Backplane } from '../backplane/backplane.ts'
import type { Cancel } from '../base/cancel.ts'
import type { Clock } from '../base/clock.ts'
import type { EventSink, SessionEnd } from '../base/events.ts'
import { unguessableId } from '../base/ids.ts'
import type { Lease } from '../base/lease.ts'
import { bytesOf, bytesOfValue, keep, type MemoryAccount, type MemoryBudget } from '../base/memory-budget.ts'
import { asRefusal, Refusal } from '../base/refusal.ts'
import type { Principal, ClientDescription } from '../protocol/call.ts'
import type { SessionSettings } from './options.ts'
import { livenessOf, livenessInHandshake, lastHeardMs, newLiveness, type Liveness, shouldPing } from './liveness.ts'
import { endDue, fromRecord, type Session, sessionKey, toRecord } from './session.ts'

/** What this instance holds for a session. */
export interface LiveSession {
  readonly key: string
  session: Session
  readonly liveness: Liveness
  /** Calls in flight, oldest first; several may have the same id. Few, so an array: see base/coarse-timers.ts. */
  readonly calls: Array<{ readonly id: string; readonly cancel: Cancel }>
  callsTotal: number
  /** Streams opened so far: numbers them. */
  streams: number
  ended: boolean
  /** Counts the memory that the session holds: its record, subscriptions, calls and input requests. */
  readonly memory: MemoryAccount
  /** Run once at the end, in order. */
  readonly onEnd: Array<() => void>
}

export interface Sessions {
  /**
   * Opens a session; `place` is released when it ends. Throws `memory_share_exceeded` if the client's description is too
   * large, `overloaded` if there is no memory for the session, even after evicting sessions of dead clients.
   */
  open(principal: Principal, client: ClientDescription, place: Lease): Promise<LiveSession>
  /**
   * The session, if it exists and belongs to this principal.
   * @param isAnswer whether the message only answers a ping: the client is alive, but does not count as active
   */
  find(principal: Principal, id: string, isAnswer?: boolean): Promise<LiveSession | undefined>
  /**
   * Changes the record. Throws `session_not_found` if the session has ended, `memory_share_exceeded` or `overloaded` if
   * there is no memory for the change.
   */
  change(liveSession: LiveSession, change: Partial<Pick<Session, 'ready' | 'logLevel' | 'uris'>>): Promise<void>
  end(liveSession: LiveSession, reason: SessionEnd): Promise<void>
  /**
   * Ends up to `wanted` sessions whose clients are most likely dead: first those that did not complete their handshake,
   * then those that have been silent longest. Silent clients that hold a stream are pinged first; see liveness.ts.
   */
  evictIdle(wanted: number): void
  readonly count: number
  close(): Promise<void>
}

/** The store forgets a session this long after its idle timeout, in case no instance has ended it. */
const graceMs = 60_000
/** A client's name may be as long as a handshake; only its beginning is reported. */
const maxClientChars = 128

/** The cost of a session with its record and stream, besides the client's description, in bytes: measured, rounded up. */
const sessionBytes = 8 * 1024
/** The cost of a subscribed URI besides its characters, in the session, its filter and those of its worker, in bytes. */
const uriBytes = 256
/** At most so many sessions are evicted to get memory for a new one. */
const evictForMemory = 8

export function createSessions(needs: {
  readonly backplane: Pick<Backplane, 'records'>
  readonly memory: MemoryBudget
  readonly settings: SessionSettings
  readonly clock: Clock
  readonly events: EventSink
  /** Sends a ping on the event stream of a session. */
  readonly ping: (liveSession: LiveSession) => void
}): Sessions {
  const { settings, clock, events } = needs
  const { records } = needs.backplane
  const liveSessions = new Map<string, LiveSession>()
  /** Keys of sessions that have ended and whose records may still be in the store. */
  const ending = new Set<string>()
  const ttlMs = settings.idleTimeoutMs + graceMs

  const due = (liveSession: LiveSession, nowMs: number): SessionEnd | undefined =>
    endDue(
      {
        nowMs,
        createdAtMs: liveSession.session.createdAtMs,
        seenMs: settings.idleTimeoutIsFinal ? liveSession.liveness.seenMs : lastHeardMs(liveSession.liveness),
        ready: liveSession.session.ready,
        busy: liveSession.calls.length > 0,
      },
      settings,
    )

  const createLiveSession = (key: string, session: Session): LiveSession => {
    const memory = needs.memory.account(needs.memory.lastingShareBytes, 'lasting')
    keep(memory, sessionBytes + bytesOfValue(session.client) + bytesOfUris(session.uris))
    const liveSession: LiveSession = {
      key,
      session,
      liveness: newLiveness(clock.now()),
      calls: [],
      callsTotal: 0,
      streams: 0,
      ended: false,
      memory,
      onEnd: [],
    }
    liveSessions.set(key, liveSession)
    return liveSession
  }

  const end = async (liveSession: LiveSession, reason: SessionEnd): Promise<void> => {
    if (liveSession.ended) return
    liveSession.ended = true
    liveSessions.delete(liveSession.key)
    ending.add(liveSession.key)
    for (const { cancel } of [...liveSession.calls]) cancel.cancel('the session ended')
    for (const release of liveSession.onEnd.splice(0)) release()
    liveSession.memory.close()
    const { session } = liveSession
    events.emit('sessionEnded', {
      session: session.id,
      tenant: session.principal.tenant,
      reason,
      ageMs: clock.now() - session.createdAtMs,
      calls: liveSession.callsTotal,
    })
    await records.remove(liveSession.key).finally(() => ending.delete(liveSession.key))
  }

  const evictIdle = (wanted: number): void => {
    const now = clock.now()
    const dead: LiveSession[] = []
    for (const liveSession of liveSessions.values()) {
      if (liveSession.calls.length > 0) continue
      const { liveness, session } = liveSession
      const state = session.ready ? livenessOf(liveness, now, settings) : livenessInHandshake(liveness, now)
      if (state === 'dead') dead.push(liveSession)
      else if (state === 'ping') {
        liveSession.liveness.pingedMs = now
        needs.ping(liveSession)
      }
    }
    const order = (a: LiveSession, b: LiveSession): number =>
      Number(a.session.ready) - Number(b.session.ready) || a.liveness.seenMs - b.liveness.seenMs
    dead.sort(order)
    for (const live of dead.slice(0, wanted)) end(live, 'evicted').catch(() => undefined)
  }

  const shortest = Math.min(settings.idleTimeoutMs, settings.maxSessionMs, settings.handshakeTimeoutMs)
  // A client is pinged a quarter of the idle time before the end: several sweeps fall into it, so that it can answer.
  const sweeper = clock.every(Math.max(20, Math.min(2000, shortest / 20)), () => {
    const now = clock.now()
    for (const liveSession of liveSessions.values()) {
      const reason = due(liveSession, now)
      if (reason) {
        end(liveSession, reason).catch(() => undefined)
        continue
      }
      if (!settings.idleTimeoutIsFinal && shouldPing(liveSession.liveness, now, settings.idleTimeoutMs)) {
        liveSession.liveness.pingedMs = now
        needs.ping(liveSession)
      }
      if (liveSession.calls.length > 0) {
        // Renew the record during a call that takes longer than the idle time, or the store would forget the session.
        liveSession.liveness.seenMs = now
        records.read(liveSession.key, ttlMs).catch(() => undefined)
      }
    }
  })

  return {
    async open(principal, clientDescription, place) {
      const session: Session = {
        id: unguessableId(),
        principal,
        client: clientDescription,
        createdAtMs: clock.now(),
        ready: false,
        logLevel: undefined,
        uris: [],
      }
      const key = sessionKey(principal, session.id)
      let liveSession: LiveSession
      try {
        liveSession = createLiveSession(key, session)
      } catch (error) {
        if (asRefusal(error)?.code !== 'overloaded') throw error
        evictIdle(evictForMemory)
        liveSession = createLiveSession(key, session)
      }
      liveSession.onEnd.push(() => place.release())
      try {
        await records.create(key, toRecord(session), ttlMs)
      } catch (error) {
        liveSessions.delete(key)
        liveSession.memory.close()
        place.release()
        throw error
      }
      const client = clientDescription.info?.['name']
      events.emit('sessionOpened', {
        session: session.id,
        tenant: principal.tenant,
        version: clientDescription.version,
        client: typeof client === 'string' ? client.slice(0, maxClientChars) : undefined,
      })
      return liveSession
    },
    async find(principal, id, isAnswer = false) {
      const key = sessionKey(principal, id)
      // A session that has ended here must not be restored from a record that the store has not removed yet.
      if (ending.has(key)) return undefined
      const before = liveSessions.get(key)
      const record = await records.read(key, ttlMs)
      if (before?.ended === true) return undefined
      let liveSession = liveSessions.get(key)
      if (!record) {
        if (liveSession) await end(liveSession, 'idle')
        return undefined
      }
      if (!liveSession) {
        const session = fromRecord(principal, id, record.value)
        if (!session) return undefined
        liveSession = createLiveSession(key, session)
      }
      const now = clock.now()
      const reason = due(liveSession, now)
      if (reason) {
        await end(liveSession, reason)
        return undefined
      }
      if (isAnswer) liveSession.liveness.aliveMs = now
      else liveSession.liveness.seenMs = now
      return liveSession
    },
    async change(liveSession, change) {
      const more = change.uris ? bytesOfUris(change.uris) - bytesOfUris(liveSession.session.uris) : 0
      if (more > 0) keep(liveSession.memory, more)
      else liveSession.memory.release(-more)
      liveSession.session = { ...liveSession.session, ...change }
      for (let attempt = 0; attempt < 3; attempt++) {
        const stored = await records.read(liveSession.key)
        if (!stored) throw new Refusal('session_not_found')
        if (
          await records.replace(
            liveSession.key,
            { ...stored.value, ...toRecord(liveSession.session) },
            stored.version,
            ttlMs,
          )
        )
          return
      }
      throw new Refusal('store_unavailable')
    },
    end,
    evictIdle,
    get count() {
      return liveSessions.size
    },
    async close() {
      sweeper.stop()
      await Promise.all([...liveSessions.values()].map((liveSession) => end(liveSession, 'drain')))
    },
  }
}

/** The memory of a subscription as long as its session has it, in bytes. */
export function bytesOfUri(uri: string): number {
  return uriBytes + bytesOf(uri)
}

function bytesOfUris(uris: readonly string[]): number {
  return uris.reduce((sum, uri) => sum + bytesOfUri(uri), 0)
}
