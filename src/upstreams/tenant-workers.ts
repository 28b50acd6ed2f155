/** The port for the bound on the workers that serve one tenant, of all upstreams together. */
import type { Lease } from '../base/lease.ts'
import type { Refusal } from '../base/refusal.ts'

/** A pool that has workers of tenants. */
export interface MemberPool {
  /**
   * Ends the worker that has been idle longest of those of some tenants, if that is long enough; false if there is none.
   * @param isOf whether a tenant is one of them
   */
  endIdleWorkerOf(isOf: (tenant: string) => boolean): boolean
  /** A worker of a tenant with a bound has ended, perhaps in another pool: calls that wait may have one more. */
  workerFreed(): void
}

export interface TenantWorkers {
  /** Whether a tenant has as many workers as it may. */
  isFull(tenant: string): boolean
  /** Counts one more worker of a tenant until its lease ends, even beyond the bound: it may take the place of another one. */
  add(tenant: string): Lease | undefined
  /** Calls of a tenant wait because of its bound: has an idle worker of it end, in whichever pool, if none ends already. */
  makeRoom(tenant: string): void
  /** The refusal of a call that has waited in vain for one more. */
  refusal(tenant: string, retryAfterMs: number | undefined): Refusal
  /** @returns ends the membership */
  join(pool: MemberPool): () => void
}
