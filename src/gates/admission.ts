/**
 * Admission: limits how many clients are served at once. At capacity, clients wait in a bounded queue that is fair between
 * them, and are refused only when the queue is full or the wait was too long.
 *
 * A session holds a place for its whole life, a client without a session for each exchange.
 */
import type { Cancel } from '../base/cancel.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { FairQueue } from '../base/fair-queue.ts'
import { createLease, type Lease } from '../base/lease.ts'
import { Refusal } from '../base/refusal.ts'
import type { GateSettings } from './options.ts'

export interface Admission {
  /** A free place, or undefined if there is none. */
  take(): Lease | undefined
  /** A place as soon as one is free. Rejects with `overloaded`, `cancelled` or `draining`. */
  wait(client: string, cancel: Cancel): Promise<Lease>
  /** Refuses all waiting clients, and every later wait, while the gateway drains. */
  close(): void
  readonly held: number
  readonly waiting: number
}

interface Waiter {
  give(lease: Lease): void
  refuse(refusal: Refusal): void
}

/** How often idle sessions are evicted while clients wait, in milliseconds. */
const evictEveryMs = 250

/** @param evict frees up to `wanted` places of clients that are gone; called while clients wait */
export function createAdmission(
  settings: Pick<GateSettings, 'maxConnections' | 'queue' | 'queueWaitMs'>,
  clock: Clock,
  evict: (wanted: number) => void = () => {},
): Admission {
  const queue = new FairQueue<Waiter>(settings.queue)
  let evicting: Timer | undefined
  let held = 0
  let closed = false

  const lease = (): Lease => {
    held++
    return createLease(() => {
      held--
      queue.offer((waiter) => {
        waiter.give(lease())
        return true
      })
    })
  }
  const evictWhileWaiting = (): void => {
    if (queue.size > 0) evict(queue.size)
    if (queue.size > 0) evicting ??= clock.every(evictEveryMs, evictWhileWaiting)
    else {
      evicting?.stop()
      evicting = undefined
    }
  }
  const take = (): Lease | undefined => (held < settings.maxConnections && queue.size === 0 ? lease() : undefined)

  return {
    take,
    wait(client, cancel) {
      if (cancel.cancelled) return Promise.reject(new Refusal('cancelled'))
      if (closed) return Promise.reject(new Refusal('draining'))
      const free = take()
      if (free) return Promise.resolve(free)
      return new Promise((resolve, reject) => {
        const waiter: Waiter = {
          refuse(refusal) {
            queue.remove(client, waiter)
            over()
            reject(refusal)
          },
          give(place) {
            over()
            resolve(place)
          },
        }
        if (!queue.add(client, waiter)) return reject(new Refusal('overloaded', { retryAfterMs: settings.queueWaitMs }))
        const timer = clock.after(settings.queueWaitMs, () => waiter.refuse(new Refusal('overloaded')))
        const stopListening = cancel.onCancel(() => waiter.refuse(new Refusal('cancelled')))
        const over = (): void => {
          timer.stop()
          stopListening()
        }
        if (!evicting) evictWhileWaiting()
      })
    },
    close() {
      closed = true
      evicting?.stop()
      for (const waiter of queue.drain()) waiter.refuse(new Refusal('draining'))
    },
    get held() {
      return held
    },
    get waiting() {
      return queue.size
    },
  }
}
