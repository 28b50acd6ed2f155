/**
 * Sessions: made, found, changed and ended, always by tenant, subject and id.
 *
 * The record is in the backplane. Beside it this instance holds a seat for each session that it serves: calls in
 * flight, the open stream, what is to be released at the end. Seats are swept, so that idle, overaged and never
 * completed sessions end by themselves.
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
import { absence, absenceInHandshake, lastHeardMs, newLiveness, type Liveness, shouldAsk } from './liveness.ts'
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
  /** Counts what lasts as long as the session: itself, its subscriptions, its calls, what its client is asked. */
  readonly memory: MemoryAccount
  /** Run once at the end, in order. */
  readonly onEnd: Array<() => void>
}

export interface Sessions {
  /**
   * Opens a session; `place` is released when it ends. Throws `memory_share_exceeded` if its client says too much of
   * itself, `overloaded` if there is no memory for it and none to be had from sessions whose clients are gone.
   */
  open(principal: Principal, client: ClientDescription, place: Lease): Promise<LiveSession>
  /**
   * The session, if it lives and belongs to this principal.
   * @param isAnswer whether its client only answers a ping: a sign of life that gives no precedence over others
   */
  find(principal: Principal, id: string, isAnswer?: boolean): Promise<LiveSession | undefined>
  /**
   * Changes the record. Throws `session_not_found` if the session is gone, `memory_share_exceeded` or `overloaded` if it
   * may not become so large.
   */
  change(liveSession: LiveSession, change: Partial<Pick<Session, 'ready' | 'logLevel' | 'uris'>>): Promise<void>
  end(liveSession: LiveSession, reason: SessionEnd): Promise<void>
  /**
   * Ends up to `wanted` sessions whose clients are most likely gone: those first that never completed their handshake,
   * then the one that was heard of longest ago.
   * Those that hold a stream and have said nothing for long are asked for a sign of life; see presence.ts.
   */
  evictIdle(wanted: number): void
  readonly count: number
  close(): Promise<void>
}

/** The store forgets a session this long after its time, should nobody have ended it. */
const graceMs = 60_000
/** A client's name may be as long as a handshake; as much of it is told of. */
const maxClientChars = 128

/** What a session takes with its record and its stream besides what it says, in bytes: measured, rounded up. */
const sessionBytes = 8 * 1024
/** What the address of a resource takes besides its characters, in the session, its filter and those of its process. */
const uriBytes = 256
/** How many sessions give way at once for the memory of another. */
const makeWayFor = 8

export function createSessions(needs: {
  readonly backplane: Pick<Backplane, 'records'>
  readonly memory: MemoryBudget
  readonly settings: SessionSettings
  readonly clock: Clock
  readonly events: EventSink
  /** Sends a ping on the event stream of a session. */
  readonly ask: (liveSession: LiveSession) => void
}): Sessions {
  const { settings, clock, events } = needs
  const { records } = needs.backplane
  const liveSessions = new Map<string, LiveSession>()
  /** Sessions that have ended and that the store may still know. */
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
    const gone: LiveSession[] = []
    for (const liveSession of liveSessions.values()) {
      if (liveSession.calls.length > 0) continue
      const { liveness, session } = liveSession
      const state = session.ready ? absence(liveness, now, settings) : absenceInHandshake(liveness, now)
      if (state === 'gone') gone.push(liveSession)
      else if (state === 'ask') {
        liveSession.liveness.askedMs = now
        needs.ask(liveSession)
      }
    }
    const order = (a: LiveSession, b: LiveSession): number =>
      Number(a.session.ready) - Number(b.session.ready) || a.liveness.seenMs - b.liveness.seenMs
    gone.sort(order)
    for (const live of gone.slice(0, wanted)) end(live, 'evicted').catch(() => undefined)
  }

  const shortest = Math.min(settings.idleTimeoutMs, settings.maxSessionMs, settings.handshakeTimeoutMs)
  const sweeper = clock.every(Math.max(50, Math.min(2000, shortest / 4)), () => {
    const now = clock.now()
    for (const liveSession of liveSessions.values()) {
      const reason = due(liveSession, now)
      if (reason) {
        end(liveSession, reason).catch(() => undefined)
        continue
      }
      if (!settings.idleTimeoutIsFinal && shouldAsk(liveSession.liveness, now, settings.idleTimeoutMs)) {
        liveSession.liveness.askedMs = now
        needs.ask(liveSession)
      }
      if (liveSession.calls.length > 0) {
        // A call that takes longer than the idle time is a sign of life to whoever looks into the store.
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
        evictIdle(makeWayFor)
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
      // What ends here while the store is asked must not come back by what the store still says.
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
    evictIdle: evictIdle,
    get count() {
      return liveSessions.size
    },
    async close() {
      sweeper.stop()
      await Promise.all([...liveSessions.values()].map((liveSession) => end(liveSession, 'drain')))
    },
  }
}

/** What a subscription takes as long as its session has it, in bytes. */
export function bytesOfUri(uri: string): number {
  return uriBytes + bytesOf(uri)
}

function bytesOfUris(uris: readonly string[]): number {
  return uris.reduce((sum, uri) => sum + bytesOfUri(uri), 0)
}
