/**
 * Admission: limits how many clients are served at once. At capacity, clients wait in a bounded queue that is fair between
 * them, and are refused only when the queue is full or the wait was too long.
 *
 * A session holds a place for its whole life, a client without a session for each exchange.
 */
import { CallTimes } from '../base/call-times.ts'
import type { Cancel } from '../base/cancel.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { createLease, type Lease } from '../base/lease.ts'
import { Refusal } from '../base/refusal.ts'
import { type Place, WaitingLine } from '../base/waiting-line.ts'
import type { Fairness } from '../protocol/fairness.ts'
import type { LimitSettings } from './options.ts'

/** A wait for a place. */
export interface PlaceWait {
  /** Rejects with `overloaded`, `cancelled` or `draining`. */
  readonly lease: Promise<Lease>
  /** Where it stands in line now. */
  readonly standing: () => Place
}

export interface Admission {
  /** A free place, or undefined if there is none. */
  take(): Lease | undefined
  /**
   * A place as soon as one is free, in turns that are fair between tenants by their weights, and then between the clients
   * of each.
   */
  wait(path: readonly [tenant: string, client: string], cancel: Cancel): PlaceWait
  /** Refuses all waiting clients, and every later wait, while the gateway drains. */
  close(): void
  readonly held: number
  readonly waiting: number
  /** How long the client has waited that waits longest, in milliseconds; 0 if none waits. */
  readonly oldestWaitMs: number
}

interface Waiting {
  readonly sinceMs: number
}

/** How often idle sessions are evicted while clients wait, in milliseconds. */
const evictEveryMs = 250

/**
 * @param evict frees up to `wanted` places of clients that are gone; called while clients wait
 * @param fairness how tenants share places
 */
export function createAdmission(
  settings: Pick<LimitSettings, 'maxConnections' | 'queue' | 'queueWaitMs'>,
  clock: Clock,
  evict: (wanted: number) => void = () => {},
  fairness: Fairness = {},
): Admission {
  const line = new WaitingLine<Lease, Waiting>({
    clock,
    bound: settings.queue,
    ...fairness,
    refusalWhenDue: () => new Refusal('overloaded'),
  })
  let evicting: Timer | undefined
  let held = 0
  let closed = false
  /** How long the line takes for one place, while there is a line. */
  const times = new CallTimes()
  let lastGivenMs = 0

  const lease = (): Lease => {
    held++
    return createLease(() => {
      held--
      if (line.size === 0) return
      const nowMs = clock.now()
      times.add(nowMs - lastGivenMs)
      lastGivenMs = nowMs
      line.offer(lease)
    })
  }
  const evictWhileWaiting = (): void => {
    if (line.size > 0) evict(line.size)
    if (line.size > 0) evicting ??= clock.every(evictEveryMs, evictWhileWaiting)
    else {
      evicting?.stop()
      evicting = undefined
    }
  }
  const take = (): Lease | undefined => (held < settings.maxConnections && line.size === 0 ? lease() : undefined)
  const begin = (path: readonly [string, string], about: Waiting, cancel: Cancel): Promise<Lease> => {
    if (cancel.cancelled) return Promise.reject(new Refusal('cancelled'))
    if (closed) return Promise.reject(new Refusal('draining'))
    const free = take()
    if (free) return Promise.resolve(free)
    const place = line.wait(path, about, settings.queueWaitMs, cancel)
    if (!place) return Promise.reject(new Refusal('overloaded', { retryAfterMs: settings.queueWaitMs }))
    if (!evicting) evictWhileWaiting()
    return place
  }

  return {
    take,
    wait(path, cancel) {
      const about: Waiting = { sinceMs: clock.now() }
      if (line.size === 0) lastGivenMs = about.sinceMs
      const standing = (): Place => {
        const ahead = line.aheadOf(path, about)
        return { ahead, expectedMs: times.areKnown ? (ahead + 1) * times.usualMs : undefined }
      }
      return { lease: begin(path, about, cancel), standing }
    },
    close() {
      closed = true
      evicting?.stop()
      line.drain(new Refusal('draining'))
    },
    get held() {
      return held
    },
    get waiting() {
      return line.size
    },
    get oldestWaitMs() {
      const nowMs = clock.now()
      return line.waiters.reduce((oldestMs, { about }) => Math.max(oldestMs, nowMs - about.sinceMs), 0)
    },
  }
}
