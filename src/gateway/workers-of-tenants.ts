/** The workers that serve each tenant, of all upstreams: how many there may be, and who is told when one has ended. */
import type { Clock } from '../base/clock.ts'
import { createLease, type Lease } from '../base/lease.ts'
import type { Refusal } from '../base/refusal.ts'
import type { TenantUse } from '../tenants/tenant-use.ts'
import type { MemberPool, TenantWorkers } from '../upstreams/tenant-workers.ts'

/** How soon the pools look at their lines once a worker has ended, in milliseconds: those that end together count once. */
const tellAfterMs = 20
/** How long a worker may take to end before another one is ended as well, in milliseconds: longer than its termination. */
const endsWithinMs = 10_000

export class WorkersOfTenants implements TenantWorkers {
  readonly #use: TenantUse
  readonly #clock: Clock
  readonly #pools = new Set<MemberPool>()
  /** Until when a worker is expected to end that was asked to, by whose bound it counts under. */
  readonly #ending = new Map<string, number>()
  #isAboutToTell = false

  constructor(use: TenantUse, clock: Clock) {
    this.#use = use
    this.#clock = clock
  }

  isFull(tenant: string): boolean {
    return this.#use.isFull(tenant, 'workers')
  }

  add(tenant: string): Lease | undefined {
    const counted = this.#use.add(tenant, 'workers')
    if (!counted) return undefined
    return createLease(() => {
      const wasFull = this.isFull(tenant)
      counted.release()
      this.#ending.delete(this.#use.holderOf(tenant))
      if (wasFull) this.#tellSoon()
    })
  }

  makeRoom(tenant: string): void {
    const nowMs = this.#clock.now()
    const holder = this.#use.holderOf(tenant)
    if ((this.#ending.get(holder) ?? 0) > nowMs) return
    for (const pool of this.#pools) {
      if (!pool.endIdleWorkerOf((one) => this.#use.holderOf(one) === holder)) continue
      this.#ending.set(holder, nowMs + endsWithinMs)
      return
    }
  }

  refusal(tenant: string, retryAfterMs: number | undefined): Refusal {
    return this.#use.refusal(tenant, 'workers', retryAfterMs)
  }

  join(pool: MemberPool): () => void {
    this.#pools.add(pool)
    return () => void this.#pools.delete(pool)
  }

  #tellSoon(): void {
    if (this.#isAboutToTell) return
    this.#isAboutToTell = true
    this.#clock.after(tellAfterMs, () => {
      this.#isAboutToTell = false
      for (const pool of this.#pools) pool.workerFreed()
    })
  }
}
