/**
 * Admission: limits how many clients are served at once. At capacity, clients wait in a bounded queue that is fair between
 * them, and are refused only when the queue is full or the wait was too long.
 *
 * A session holds a place for its whole life, a client without a session for each exchange.
 */
import type { Cancel } from '../base/cancel.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { createLease, type Lease } from '../base/lease.ts'
import { Refusal } from '../base/refusal.ts'
import { WaitingLine } from '../base/waiting-line.ts'
import type { LimitSettings } from './options.ts'

export interface Admission {
  /** A free place, or undefined if there is none. */
  take(): Lease | undefined
  /**
   * A place as soon as one is free, in turns that are fair between tenants by their weights, and then between the clients
   * of each. Rejects with `overloaded`, `cancelled` or `draining`.
   */
  wait(path: readonly [tenant: string, client: string], cancel: Cancel): Promise<Lease>
  /** Refuses all waiting clients, and every later wait, while the gateway drains. */
  close(): void
  readonly held: number
  readonly waiting: number
}

/** How often idle sessions are evicted while clients wait, in milliseconds. */
const evictEveryMs = 250

/**
 * @param evict frees up to `wanted` places of clients that are gone; called while clients wait
 * @param weightOf the weight of a tenant, at least 1
 */
export function createAdmission(
  settings: Pick<LimitSettings, 'maxConnections' | 'queue' | 'queueWaitMs'>,
  clock: Clock,
  evict: (wanted: number) => void = () => {},
  weightOf: (tenant: string) => number = () => 1,
): Admission {
  const line = new WaitingLine<Lease, undefined>({
    clock,
    bound: settings.queue,
    weightOf: ([tenant = '', ...client]) => (client.length === 0 ? weightOf(tenant) : 1),
    refusalWhenDue: () => new Refusal('overloaded'),
  })
  let evicting: Timer | undefined
  let held = 0
  let closed = false

  const lease = (): Lease => {
    held++
    return createLease(() => {
      held--
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

  return {
    take,
    wait(path, cancel) {
      if (cancel.cancelled) return Promise.reject(new Refusal('cancelled'))
      if (closed) return Promise.reject(new Refusal('draining'))
      const free = take()
      if (free) return Promise.resolve(free)
      const place = line.wait(path, undefined, settings.queueWaitMs, cancel)
      if (!place) return Promise.reject(new Refusal('overloaded', { retryAfterMs: settings.queueWaitMs }))
      if (!evicting) evictWhileWaiting()
      return place
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
  }
}
