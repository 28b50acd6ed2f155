/** The bound on the workers of a tenant, as one pool keeps it: for groups whose callers are all of one tenant. */
import type { Refusal } from '../../base/refusal.ts'
import type { TenantWorkers } from '../tenant-workers.ts'
import { type IsolationGroup, tenantOf } from './isolation-group.ts'
import type { WorkerSlot } from './worker-slots.ts'

export class TenantBound {
  readonly #workers: TenantWorkers | undefined
  /** The tenants of groups that lacked room, as of the last pass over the line. */
  readonly #lacking = new Set<string>()

  constructor(workers: TenantWorkers | undefined) {
    this.#workers = workers
  }

  /** Whether the group may have no further worker for now, because its tenant may not. */
  isFull(group: IsolationGroup): boolean {
    const tenant = this.#workers && tenantOf(group)
    if (tenant === undefined || this.#workers?.isFull(tenant) !== true) return false
    this.#lacking.add(tenant)
    return true
  }

  /** Counts the worker in a slot, until it has ended, for the tenant of a group. */
  count(slot: WorkerSlot, group: IsolationGroup): void {
    const tenant = this.#workers && tenantOf(group)
    if (tenant !== undefined) slot.ofTenant = this.#workers?.add(tenant)
  }

  /** Another pass over the line begins. */
  clear(): void {
    this.#lacking.clear()
  }

  /** Whether calls wait for room of their tenant. */
  get isLacking(): boolean {
    return this.#lacking.size > 0
  }

  /** Has idle workers end of the tenants that lack room. */
  makeRoom(): void {
    for (const tenant of this.#lacking) this.#workers?.makeRoom(tenant)
  }

  /** The refusal of a call that has waited for so long; undefined if it was not because of the bound. */
  refusal(group: IsolationGroup, retryAfterMs: number | undefined): Refusal | undefined {
    const tenant = tenantOf(group)
    if (tenant === undefined || !this.#lacking.has(tenant)) return undefined
    return this.#workers?.refusal(tenant, retryAfterMs)
  }
}
