/**
 * How many clients at once. Who finds no place waits in a bounded line, fair between clients, and is refused only
 * when the line is full or the wait was too long.
 *
 * A session holds a place for its life, a client without a session for each exchange.
 */
import type { Cancel } from '../base/cancel.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { FairQueue } from '../base/fair-queue.ts'
import { createLease, type Lease } from '../base/lease.ts'
import { Refusal } from '../base/refusal.ts'
import type { GateSettings } from './options.ts'

export interface Admission {
  /** A place at once, or undefined if there is none. */
  take(): Lease | undefined
  /** A place as soon as there is one. Throws `overloaded`, `cancelled` or `draining`. */
  wait(client: string, cancel: Cancel): Promise<Lease>
  /** Refuses all who wait, now and later: nobody is let in while the house empties. */
  close(): void
  readonly held: number
  readonly waiting: number
}

interface Waiter {
  give(lease: Lease): void
  refuse(refusal: Refusal): void
}

/** How often places are looked for while somebody waits, in milliseconds. */
const lookMs = 250

/** @param makeRoom frees up to so many places that nobody uses any more, if there are any; called while somebody waits */
export function createAdmission(
  settings: Pick<GateSettings, 'maxConnections' | 'queue' | 'queueWaitMs'>,
  clock: Clock,
  makeRoom: (wanted: number) => void = () => {},
): Admission {
  const queue = new FairQueue<Waiter>(settings.queue)
  let looking: Timer | undefined
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
  const look = (): void => {
    if (queue.size > 0) makeRoom(queue.size)
    if (queue.size > 0) looking ??= clock.every(lookMs, look)
    else {
      looking?.stop()
      looking = undefined
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
        if (!looking) look()
      })
    },
    close() {
      closed = true
      looking?.stop()
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
