/**
 * The records of sessions in the backplane. The record is the truth of a session, and is changed by compare-and-set alone, so
 * that several instances can serve one session: none overwrites what another one has stored.
 */
import type { Awaitable } from '../base/awaitable.ts'
import type { Records, Versioned } from '../backplane/backplane.ts'
import { reserve } from '../base/memory-budget.ts'
import { Refusal } from '../base/refusal.ts'
import type { LiveSession } from './live-session.ts'
import { lastHeardAtMs } from './liveness.ts'
import { bytesOfUris, type Session, toRecord, withStored } from './session.ts'

/** How often a change is tried, in all, because other instances have changed the record meanwhile. */
const maxAttempts = 8

export class SessionRecords {
  readonly #records: Records
  readonly #ttlMs: number
  /** Readings of the store that are under way. */
  readonly #readings = new Map<LiveSession, Promise<void>>()

  /** @param ttlMs the life of a record from the last message of its client on, in milliseconds */
  constructor(records: Records, ttlMs: number) {
    this.#records = records
    this.#ttlMs = ttlMs
  }

  async create(key: string, session: Session): Promise<void> {
    await this.#records.create(key, toRecord(session), this.#ttlMs)
  }

  /** @param isActive whether the client is active, which extends the life of the record */
  read(key: string, isActive: boolean): Awaitable<Versioned | undefined> {
    return this.#records.read(key, isActive ? this.#ttlMs : undefined)
  }

  /** Extends the life of a record. */
  async renew(key: string): Promise<void> {
    await this.#records.read(key, this.#ttlMs)
  }

  remove(key: string): Promise<boolean> {
    return this.#records.remove(key)
  }

  /**
   * Changes the record of a session. `change` gets what is stored and returns what to store in its place; it must be pure,
   * because it runs again if another instance has written meanwhile. Nothing is written if it returns what it got. Changes of
   * one session are made one after the other, so that only other instances can be in the way.
   */
  update(liveSession: LiveSession, change: (session: Session) => Session): Promise<void> {
    const write = (): Promise<void> => this.#compareAndSet(liveSession, change)
    const updated = (liveSession.updating ? liveSession.updating.then(write, write) : write()).finally(() => {
      if (liveSession.updating === updated) liveSession.updating = undefined
    })
    liveSession.updating = updated
    return updated
  }

  async #compareAndSet(liveSession: LiveSession, change: (session: Session) => Session): Promise<void> {
    const { key, memory } = liveSession
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const stored = await this.#records.read(key)
      if (!stored || liveSession.ended) throw new Refusal('session_not_found')
      const before = withStored(liveSession.session, stored.value)
      const after = change(before)
      if (after === before) return liveSession.takeOver(before, stored.version)
      const more = Math.max(0, bytesOfUris(after.uris) - bytesOfUris(liveSession.session.uris))
      reserve(memory, more)
      const isStored = await this.#records
        .replace(key, { ...stored.value, ...toRecord(after) }, stored.version, this.#ttlMs)
        .finally(() => memory.release(more))
      // The version that was written is not known, but it is at least this one.
      if (isStored) return liveSession.takeOver(after, stored.version + 1)
    }
    throw new Refusal('store_unavailable', { message: 'Other instances change this session at the same time.' })
  }

  /**
   * Takes over what other instances have stored, and when one of them last heard of the client. All who ask at the same time
   * wait for the same reading. Never rejects: if the store does not answer, what this instance knows decides.
   */
  catchUp(liveSession: LiveSession, nowMs: number): Promise<void> {
    const running = this.#readings.get(liveSession)
    if (running) return running
    const reading = this.#catchUp(liveSession, nowMs)
      .catch(() => undefined)
      .finally(() => this.#readings.delete(liveSession))
    this.#readings.set(liveSession, reading)
    return reading
  }

  async #catchUp(liveSession: LiveSession, nowMs: number): Promise<void> {
    const { key, liveness } = liveSession
    const [stored, remainingMs] = await Promise.all([this.#records.read(key), this.#records.timeLeft(key)])
    if (stored) liveSession.takeOver(withStored(liveSession.session, stored.value), stored.version)
    if (remainingMs === undefined) return
    // Each message of the client extends the life of the record, on whichever instance it arrives: one that is later than the
    // last one here, be it an answer to a ping, has arrived on another instance.
    const heardAtMs = nowMs - (this.#ttlMs - remainingMs)
    if (heardAtMs > lastHeardAtMs(liveness)) liveness.seenAtMs = heardAtMs
  }
}
