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
  readonly presence: Liveness
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
  open(principal: Principal, speaker: ClientDescription, place: Lease): Promise<LiveSession>
  /**
   * The session, if it lives and belongs to this principal.
   * @param isAnswer whether its client only answers a ping: a sign of life that gives no precedence over others
   */
  find(principal: Principal, id: string, isAnswer?: boolean): Promise<LiveSession | undefined>
  /**
   * Changes the record. Throws `session_unknown` if the session is gone, `memory_share_exceeded` or `overloaded` if it
   * may not become so large.
   */
  change(seat: LiveSession, change: Partial<Pick<Session, 'ready' | 'logLevel' | 'uris'>>): Promise<void>
  end(seat: LiveSession, reason: SessionEnd): Promise<void>
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
  readonly ask: (seat: LiveSession) => void
}): Sessions {
  const { settings, clock, events } = needs
  const { records } = needs.backplane
  const seats = new Map<string, LiveSession>()
  /** Sessions that have ended and that the store may still know. */
  const ending = new Set<string>()
  const ttlMs = settings.idleTimeoutMs + graceMs

  const due = (seat: LiveSession, nowMs: number): SessionEnd | undefined =>
    endDue(
      {
        nowMs,
        createdAtMs: seat.session.createdAtMs,
        seenMs: settings.idleTimeoutIsFinal ? seat.presence.seenMs : lastHeardMs(seat.presence),
        ready: seat.session.ready,
        busy: seat.calls.length > 0,
      },
      settings,
    )

  const createSeat = (key: string, session: Session): LiveSession => {
    const memory = needs.memory.account(needs.memory.lastingShareBytes, 'lasting')
    keep(memory, sessionBytes + bytesOfValue(session.speaker) + bytesOfUris(session.uris))
    const seat: LiveSession = {
      key,
      session,
      presence: newLiveness(clock.now()),
      calls: [],
      callsTotal: 0,
      streams: 0,
      ended: false,
      memory,
      onEnd: [],
    }
    seats.set(key, seat)
    return seat
  }

  const end = async (seat: LiveSession, reason: SessionEnd): Promise<void> => {
    if (seat.ended) return
    seat.ended = true
    seats.delete(seat.key)
    ending.add(seat.key)
    for (const { cancel } of [...seat.calls]) cancel.cancel('the session ended')
    for (const release of seat.onEnd.splice(0)) release()
    seat.memory.close()
    const { session } = seat
    events.emit('sessionEnded', {
      session: session.id,
      tenant: session.principal.tenant,
      reason,
      ageMs: clock.now() - session.createdAtMs,
      calls: seat.callsTotal,
    })
    await records.remove(seat.key).finally(() => ending.delete(seat.key))
  }

  const giveWay = (wanted: number): void => {
    const now = clock.now()
    const gone: LiveSession[] = []
    for (const seat of seats.values()) {
      if (seat.calls.length > 0) continue
      const { presence, session } = seat
      const state = session.ready ? absence(presence, now, settings) : absenceInHandshake(presence, now)
      if (state === 'gone') gone.push(seat)
      else if (state === 'ask') {
        seat.presence.askedMs = now
        needs.ask(seat)
      }
    }
    const order = (a: LiveSession, b: LiveSession): number =>
      Number(a.session.ready) - Number(b.session.ready) || a.presence.seenMs - b.presence.seenMs
    gone.sort(order)
    for (const seat of gone.slice(0, wanted)) end(seat, 'gave_way').catch(() => undefined)
  }

  const shortest = Math.min(settings.idleTimeoutMs, settings.maxSessionMs, settings.handshakeTimeoutMs)
  const sweeper = clock.every(Math.max(50, Math.min(2000, shortest / 4)), () => {
    const now = clock.now()
    for (const seat of seats.values()) {
      const reason = due(seat, now)
      if (reason) {
        end(seat, reason).catch(() => undefined)
        continue
      }
      if (!settings.idleTimeoutIsFinal && shouldAsk(seat.presence, now, settings.idleTimeoutMs)) {
        seat.presence.askedMs = now
        needs.ask(seat)
      }
      if (seat.calls.length > 0) {
        // A call that takes longer than the idle time is a sign of life to whoever looks into the store.
        seat.presence.seenMs = now
        records.read(seat.key, ttlMs).catch(() => undefined)
      }
    }
  })

  return {
    async open(principal, speaker, place) {
      const session: Session = {
        id: unguessableId(),
        principal,
        speaker,
        createdAtMs: clock.now(),
        ready: false,
        logLevel: undefined,
        uris: [],
      }
      const key = sessionKey(principal, session.id)
      let seat: LiveSession
      try {
        seat = createSeat(key, session)
      } catch (error) {
        if (asRefusal(error)?.code !== 'overloaded') throw error
        giveWay(makeWayFor)
        seat = createSeat(key, session)
      }
      seat.onEnd.push(() => place.release())
      try {
        await records.create(key, toRecord(session), ttlMs)
      } catch (error) {
        seats.delete(key)
        seat.memory.close()
        place.release()
        throw error
      }
      const client = speaker.info?.['name']
      events.emit('sessionOpened', {
        session: session.id,
        tenant: principal.tenant,
        version: speaker.version,
        client: typeof client === 'string' ? client.slice(0, maxClientChars) : undefined,
      })
      return seat
    },
    async find(principal, id, isAnswer = false) {
      const key = sessionKey(principal, id)
      // What ends here while the store is asked must not come back by what the store still says.
      if (ending.has(key)) return undefined
      const before = seats.get(key)
      const record = await records.read(key, ttlMs)
      if (before?.ended === true) return undefined
      let seat = seats.get(key)
      if (!record) {
        if (seat) await end(seat, 'idle')
        return undefined
      }
      if (!seat) {
        const session = fromRecord(principal, id, record.value)
        if (!session) return undefined
        seat = createSeat(key, session)
      }
      const now = clock.now()
      const reason = due(seat, now)
      if (reason) {
        await end(seat, reason)
        return undefined
      }
      if (isAnswer) seat.presence.aliveMs = now
      else seat.presence.seenMs = now
      return seat
    },
    async change(seat, change) {
      const more = change.uris ? bytesOfUris(change.uris) - bytesOfUris(seat.session.uris) : 0
      if (more > 0) keep(seat.memory, more)
      else seat.memory.release(-more)
      seat.session = { ...seat.session, ...change }
      for (let attempt = 0; attempt < 3; attempt++) {
        const stored = await records.read(seat.key)
        if (!stored) throw new Refusal('session_unknown')
        if (await records.replace(seat.key, { ...stored.value, ...toRecord(seat.session) }, stored.version, ttlMs))
          return
      }
      throw new Refusal('store_unavailable')
    },
    end,
    evictIdle: giveWay,
    get count() {
      return seats.size
    },
    async close() {
      sweeper.stop()
      await Promise.all([...seats.values()].map((seat) => end(seat, 'drain')))
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

/** Notes a call as in flight, so that it can be cancelled by its id; returns how to forget it. */
export function trackCall(seat: LiveSession, id: string, cancel: Cancel): () => void {
  const call = { id, cancel }
  seat.calls.push(call)
  seat.callsTotal++
  return () => {
    const at = seat.calls.indexOf(call)
    if (at >= 0) seat.calls.splice(at, 1)
  }
}

/** The youngest call under an id: older ones were there before the client used the id again. */
export function callById(seat: LiveSession, id: string): Cancel | undefined {
  return seat.calls.findLast((call) => call.id === id)?.cancel
}
