/**
 * Opens, finds, changes and ends sessions, always by tenant, issuer, subject and id.
 *
 * The record of a session is in the backplane and is the truth (session-records.ts). Besides, this instance holds a
 * `LiveSession` for each session that it serves. A sweep ends live sessions that are idle, too old, or did not complete their
 * handshake, unless their record shows that another instance has served them meanwhile.
 */
import type { Backplane, Versioned } from '../backplane/backplane.ts'
import type { Clock } from '../base/clock.ts'
import type { EventSink, SessionEnd, SessionEnded } from '../base/events.ts'
import { type Awaitable, isPending } from '../base/awaitable.ts'
import { unguessableId } from '../base/ids.ts'
import type { Lease } from '../base/lease.ts'
import { reserve, type MemoryBudget } from '../base/memory-budget.ts'
import { asRefusal } from '../base/refusal.ts'
import type { Principal, ClientDescription } from '../protocol/call.ts'
import { clientName, clientVersion, LiveSession } from './live-session.ts'
import {
  type ClientState,
  clientState,
  clientStateInHandshake,
  lastHeardAtMs,
  newLiveness,
  shouldPing,
} from './liveness.ts'
import type { SessionSettings } from './options.ts'
import type { OpenedAt, SessionOutput } from './session-output.ts'
import { SessionRecords } from './session-records.ts'
import { bytesOfSession, endReason, fromRecord, type Session, sessionKey, withStored } from './session.ts'

export interface Sessions {
  /**
   * Opens a session; `lease` is released when it ends. Throws `memory_share_exceeded` if the client's description is too
   * large, `overloaded` if there is no memory for the session, even after evicting sessions of dead clients.
   * @param where the endpoint, and how messages get to the client: without `output`, by streams whose events are journalled
   */
  open(principal: Principal, client: ClientDescription, lease: Lease, where?: OpenedAt): Promise<LiveSession>
  /**
   * The session, if it exists and belongs to this principal.
   * @param isPingAnswer whether the request only answers a ping: the client is alive, but does not count as active
   */
  find(principal: Principal, id: string, isPingAnswer?: boolean): Awaitable<LiveSession | undefined>
  /** The session, if this instance serves it. */
  served(principal: Principal, id: string): LiveSession | undefined
  /**
   * Changes the record of a session. `change` gets what is stored and returns what to store in its place; it must be pure,
   * because it runs again if another instance has written meanwhile. Throws what `change` throws, `session_not_found` if the
   * session has ended, `memory_share_exceeded` or `overloaded` if there is no memory for the change, `store_unavailable` if
   * other instances are in the way each time.
   */
  update(liveSession: LiveSession, change: (session: Session) => Session): Promise<void>
  end(liveSession: LiveSession, reason: SessionEnd): Promise<void>
  /**
   * Ends up to `wanted` sessions whose clients are most likely dead: first those that did not complete their handshake,
   * then those that have been silent longest. Silent clients that hold a stream are pinged first. Resolves when they have ended.
   */
  evictIdle(wanted: number): Promise<void>
  readonly count: number
  all(): Iterable<LiveSession>
  close(): Promise<void>
}

/** The store forgets a session this long after its idle timeout, if no instance has ended it. */
const graceMs = 60_000
/** At most so many sessions are evicted to get memory for a new one. */
const evictForMemory = 8

interface SessionRequest {
  readonly principal: Principal
  readonly id: string
  readonly key: string
  readonly servedHere: LiveSession | undefined
  readonly isPingAnswer: boolean
}

export function createSessions(needs: {
  readonly backplane: Pick<Backplane, 'records'>
  readonly memory: MemoryBudget
  readonly settings: SessionSettings
  readonly clock: Clock
  readonly events: EventSink
  /** Creates the output of a session whose events are journalled. */
  readonly createOutput: (liveSession: LiveSession) => SessionOutput
  /** Sends a ping to the client of a session. */
  readonly ping: (liveSession: LiveSession) => void
  /** Called when a session has ended on this instance. */
  readonly onEnd: (liveSession: LiveSession) => void
}): Sessions {
  const { settings, clock, events } = needs
  const ttlMs = settings.idleTimeoutMs + graceMs
  const records = new SessionRecords(needs.backplane.records, ttlMs)
  const liveSessions = new Map<string, LiveSession>()
  /** Keys of sessions that have ended and whose records may still be in the store. */
  const ending = new Set<string>()

  /** When the client last kept its session from ending as idle, as far as this instance knows. */
  const activeAtMs = ({ liveness }: LiveSession): number =>
    settings.idleTimeoutIsFinal ? liveness.seenAtMs : lastHeardAtMs(liveness)

  /** The reason why a session must end at this time; undefined if it must not. */
  const endReasonAt = (liveSession: LiveSession, nowMs: number): SessionEnd | undefined =>
    endReason(
      {
        nowMs,
        createdAtMs: liveSession.session.createdAtMs,
        seenAtMs: activeAtMs(liveSession),
        ready: liveSession.session.ready,
        busy: liveSession.calls > 0,
      },
      settings,
    )

  const clientStateAt = ({ session, liveness, calls }: LiveSession, nowMs: number): ClientState => {
    if (calls > 0) return 'alive'
    return session.ready ? clientState(liveness, nowMs, settings) : clientStateInHandshake(liveness, nowMs)
  }

  /** Begins to serve a session here. Throws `memory_share_exceeded` or `overloaded`. */
  const serve = (
    key: string,
    session: Session,
    recordVersion: number,
    lease: Lease | undefined,
    output: SessionOutput | undefined,
  ): LiveSession => {
    const memory = needs.memory.account(needs.memory.lastingShareBytes, 'lasting')
    reserve(memory, bytesOfSession(session))
    const createOutput = output ? () => output : needs.createOutput
    const liveness = newLiveness(clock.now())
    const liveSession = new LiveSession({ key, session, recordVersion, liveness, memory, lease, createOutput })
    liveSessions.set(key, liveSession)
    return liveSession
  }

  const end = async (liveSession: LiveSession, reason: SessionEnd): Promise<void> => {
    if (liveSession.ended) return
    const { key, session, callsTotal: calls, lastError } = liveSession
    liveSessions.delete(key)
    ending.add(key)
    liveSession.end()
    needs.onEnd(liveSession)
    events.emit('sessionEnded', {
      ...named(session),
      reason,
      ageMs: clock.now() - session.createdAtMs,
      calls,
      lastError,
    })
    try {
      await records.remove(key)
      ending.delete(key)
    } catch (error) {
      clock.after(ttlMs, () => ending.delete(key)) // the record may still be there, and must not bring the session back
      throw error
    }
  }

  /** Ends a session if there is a reason to. Reads the record first: another instance may have served the session since. */
  const endIfDue = async (
    liveSession: LiveSession,
    reasonAt: (liveSession: LiveSession, nowMs: number) => SessionEnd | undefined,
  ): Promise<void> => {
    await records.catchUp(liveSession, clock.now())
    const reason = reasonAt(liveSession, clock.now())
    if (reason) await end(liveSession, reason)
  }

  const ping = (liveSession: LiveSession, nowMs: number): void => {
    liveSession.liveness.pingedAtMs = nowMs
    needs.ping(liveSession)
  }

  /** The reason to end a session at capacity: its client is dead. */
  const evictReasonAt = (liveSession: LiveSession, nowMs: number): SessionEnd | undefined =>
    clientStateAt(liveSession, nowMs) === 'dead' ? 'evicted' : undefined

  const evictIdle = async (wanted: number): Promise<void> => {
    const now = clock.now()
    const dead: LiveSession[] = []
    for (const liveSession of liveSessions.values()) {
      const state = clientStateAt(liveSession, now)
      if (state === 'dead') dead.push(liveSession)
      else if (state === 'doubtful') ping(liveSession, now)
    }
    dead.sort((a, b) => Number(a.session.ready) - Number(b.session.ready) || a.liveness.seenAtMs - b.liveness.seenAtMs)
    await Promise.allSettled(dead.slice(0, wanted).map((liveSession) => endIfDue(liveSession, evictReasonAt)))
  }

  /** The session of a record that was read for a request; it ends if it is due. */
  const sessionOfRecord = (
    { principal, id, key, servedHere, isPingAnswer }: SessionRequest,
    record: Versioned | undefined,
  ): Awaitable<LiveSession | undefined> => {
    if (servedHere?.ended === true) return undefined
    let liveSession = liveSessions.get(key)
    if (!record) return liveSession && end(liveSession, 'idle').then(() => undefined)
    if (!liveSession) {
      const session = fromRecord(principal, id, record.value)
      if (!session) return undefined
      liveSession = serve(key, session, record.version, undefined, undefined)
    } else if (record.version > liveSession.recordVersion) {
      liveSession.takeOver(withStored(liveSession.session, record.value), record.version)
    }
    const now = clock.now()
    const reason = endReasonAt(liveSession, now)
    if (reason) return end(liveSession, reason).then(() => undefined)
    liveSession.liveness[isPingAnswer ? 'aliveAtMs' : 'seenAtMs'] = now
    return liveSession
  }

  const shortest = Math.min(settings.idleTimeoutMs, settings.maxSessionMs, settings.handshakeTimeoutMs)
  // A client is pinged a quarter of the idle time before the end: several sweeps fall into it, so that it can answer.
  const sweeper = clock.every(Math.max(20, Math.min(2000, shortest / 20)), () => {
    const now = clock.now()
    for (const liveSession of liveSessions.values()) {
      if (endReasonAt(liveSession, now)) {
        endIfDue(liveSession, endReasonAt).catch(() => undefined)
        continue
      }
      if (!settings.idleTimeoutIsFinal && shouldPing(liveSession.liveness, now, settings.idleTimeoutMs)) {
        ping(liveSession, now)
      }
      if (liveSession.calls > 0) {
        // Renew the record during a call that takes longer than the idle time, or the store would forget the session.
        liveSession.liveness.seenAtMs = now
        records.renew(liveSession.key).catch(() => undefined)
      }
    }
  })

  return {
    async open(principal, client, lease, { endpoint = '', output } = {}) {
      const session: Session = {
        id: unguessableId(),
        principal,
        client,
        endpoint,
        createdAtMs: clock.now(),
        ready: false,
        logLevel: undefined,
        uris: [],
      }
      const key = sessionKey(principal, session.id)
      let liveSession: LiveSession
      try {
        liveSession = serve(key, session, 0, lease, output)
      } catch (error) {
        if (asRefusal(error)?.code !== 'overloaded') throw error
        await evictIdle(evictForMemory)
        liveSession = serve(key, session, 0, lease, output)
      }
      try {
        await records.create(key, session)
      } catch (error) {
        // Not `liveSession.end()`: it would end the stream of HTTP+SSE before that has carried the error. Nothing else runs yet.
        liveSessions.delete(key)
        liveSession.memory.close()
        lease.release()
        throw error
      }
      const { version } = client
      events.emit('sessionOpened', { ...named(session), clientVersion: clientVersion(session), version })
      return liveSession
    },
    find(principal, id, isPingAnswer = false) {
      const key = sessionKey(principal, id)
      // A session that has ended here must not be restored from a record that the store has not removed yet.
      if (ending.has(key)) return undefined
      const servedHere = liveSessions.get(key)
      // Checked before the life of the record is extended, which would hide when another instance last heard of the client.
      const seemsIdle = servedHere !== undefined && clock.now() - activeAtMs(servedHere) >= settings.idleTimeoutMs
      const isActive = !(isPingAnswer && settings.idleTimeoutIsFinal)
      const record = seemsIdle
        ? endIfDue(servedHere, endReasonAt).then(() => records.read(key, isActive))
        : records.read(key, isActive)
      const request = { principal, id, key, servedHere, isPingAnswer }
      return isPending(record)
        ? record.then((stored) => sessionOfRecord(request, stored))
        : sessionOfRecord(request, record)
    },
    served: (principal, id) => liveSessions.get(sessionKey(principal, id)),
    update: (liveSession, change) => records.update(liveSession, change),
    end,
    evictIdle,
    get count() {
      return liveSessions.size
    },
    all: () => liveSessions.values(),
    async close() {
      sweeper.stop()
      // A store that fails must not keep the gateway from ending its processes.
      await Promise.allSettled([...liveSessions.values()].map((liveSession) => end(liveSession, 'drain')))
    },
  }
}

/** Whose a session is, for events. */
function named(session: Session): Pick<SessionEnded, 'session' | 'tenant' | 'client'> {
  return { session: session.id, tenant: session.principal.tenant, client: clientName(session) }
}
