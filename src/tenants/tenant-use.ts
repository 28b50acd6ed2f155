/**
 * How much each tenant uses at once: places of clients, and calls in flight. Bounded by the settings of the tenant; where
 * no tenant has settings, nothing is counted.
 */
import { createLease, type Lease } from '../base/lease.ts'
import { Refusal } from '../base/refusal.ts'
import type { TenantSettings } from './options.ts'

/** What of a tenant is counted. */
type Counted = 'clients' | 'calls'

/** What one tenant uses now, for operators. */
export interface TenantUseView {
  readonly tenant: string
  readonly clients: number
  readonly maxClients: number
  readonly calls: number
  readonly maxCalls: number
}

type Caps = Pick<TenantSettings, 'maxConnections' | 'maxCalls' | 'weight'>

/** The tenant whose settings may hold for those without a name. */
const standard = 'default'

const nouns = { clients: 'clients', calls: 'calls in flight' } as const

export class TenantUse {
  #caps: ReadonlyMap<string, Caps>
  /** As many as there are tenants with clients or calls. */
  readonly #used = new Map<string, Record<Counted, number>>()

  constructor(tenants: Readonly<Record<string, Caps>>) {
    this.#caps = new Map(Object.entries(tenants))
  }

  /** Other settings: what is held beyond a lower bound stays. */
  replace(tenants: Readonly<Record<string, Caps>>): void {
    this.#caps = new Map(Object.entries(tenants))
  }

  /** The weight of a tenant against others that wait. */
  weightOf(tenant: string): number {
    return this.#capsOf(tenant)?.weight ?? 1
  }

  /** Counts one client or call of a tenant until its lease ends; undefined without a bound. Throws `tenant_at_capacity`. */
  take(tenant: string, what: Counted): Lease | undefined {
    if (this.#caps.size === 0) return undefined
    const caps = this.#capsOf(tenant)
    if (!caps) return undefined
    const most = what === 'clients' ? caps.maxConnections : caps.maxCalls
    const used = this.#used.get(tenant) ?? { clients: 0, calls: 0 }
    if (used[what] >= most)
      throw new Refusal('tenant_at_capacity', {
        message: `Tenant ${tenant} has ${most} ${nouns[what]}, and may have no more at once.`,
        data: { scope: what, limit: most },
      })
    used[what]++
    this.#used.set(tenant, used)
    return createLease(() => {
      used[what]--
      if (used.clients === 0 && used.calls === 0) this.#used.delete(tenant)
    })
  }

  /** The tenants that use something now. */
  view(): readonly TenantUseView[] {
    return [...this.#used].map(([tenant, { clients, calls }]) => {
      const { maxConnections = 0, maxCalls = 0 } = this.#capsOf(tenant) ?? {}
      return { tenant, clients, maxClients: maxConnections, calls, maxCalls }
    })
  }

  #capsOf(tenant: string): Caps | undefined {
    return this.#caps.get(tenant) ?? this.#caps.get(standard)
  }
}

/** Both leases as one. */
export function bothLeases(one: Lease, other: Lease | undefined): Lease {
  if (!other) return one
  return createLease(() => {
    one.release()
    other.release()
  })
}
