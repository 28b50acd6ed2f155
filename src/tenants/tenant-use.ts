/**
 * How much each tenant uses at once: places of clients, calls in flight, workers, and places in lines. Bounded by the settings of the tenant;
 * where no tenant has settings, nothing is counted.
 */
import { createLease, type Lease } from '../base/lease.ts'
import { Refusal } from '../base/refusal.ts'
import type { WaitCounts } from '../base/waiting-line.ts'
import type { TenantSettings } from './options.ts'

/** What of a tenant is counted. */
export type Counted = 'clients' | 'calls' | 'workers' | 'waiting'

/** What one tenant uses now, for operators. */
export interface TenantUseView {
  readonly tenant: string
  readonly clients: number
  readonly maxClients: number
  readonly calls: number
  readonly maxCalls: number
  readonly workers: number
  /** 0: as many as the pools have. */
  readonly maxWorkers: number
  /** Clients and calls in line, for whatever. */
  readonly waiting: number
  /** 0: as many as the lines have room for. */
  readonly maxWaiting: number
}

type Caps = Pick<TenantSettings, 'maxConnections' | 'maxCalls' | 'maxWorkers' | 'maxWaiting' | 'weight'>

/** The tenant whose settings may hold for those without a name. */
const standard = 'default'

const nouns: Readonly<Record<Counted, string>> = {
  clients: 'clients',
  calls: 'calls in flight',
  workers: 'workers of MCP servers',
  waiting: 'clients and calls in line',
}

/** A tenant without a bound on something may have so many. */
function boundOf(caps: Caps, what: Counted): number {
  if (what === 'workers') return caps.maxWorkers || Infinity
  if (what === 'waiting') return caps.maxWaiting || Infinity
  return what === 'clients' ? caps.maxConnections : caps.maxCalls
}

export class TenantUse {
  #caps: ReadonlyMap<string, Caps>
  /** As many as there are tenants with clients, calls or workers. */
  readonly #used = new Map<string, Record<Counted, number>>()
  /** How many of a tenant may wait, in all lines together. */
  readonly waits: WaitCounts = {
    refusal: (tenant) => (this.isFull(tenant, 'waiting') ? this.refusal(tenant, 'waiting') : undefined),
    begin: (tenant) => this.add(tenant, 'waiting'),
  }

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

  /** Whether a tenant has as many as it may. */
  isFull(tenant: string, what: Counted): boolean {
    const caps = this.#capsOf(tenant)
    return caps !== undefined && (this.#used.get(tenant)?.[what] ?? 0) >= boundOf(caps, what)
  }

  /** Counts one client or call of a tenant until its lease ends; undefined without a bound. Throws `tenant_at_capacity`. */
  take(tenant: string, what: Counted): Lease | undefined {
    if (this.isFull(tenant, what)) throw this.refusal(tenant, what)
    return this.add(tenant, what)
  }

  /** Counts one of a tenant even beyond its bound. */
  add(tenant: string, what: Counted): Lease | undefined {
    if (!this.#capsOf(tenant)) return undefined
    const used = this.#used.get(tenant) ?? { clients: 0, calls: 0, workers: 0, waiting: 0 }
    used[what]++
    this.#used.set(tenant, used)
    return createLease(() => {
      used[what]--
      if (used.clients + used.calls + used.workers + used.waiting === 0) this.#used.delete(tenant)
    })
  }

  /** The refusal of one more. */
  refusal(tenant: string, what: Counted, retryAfterMs?: number): Refusal {
    const caps = this.#capsOf(tenant)
    const limit = caps && boundOf(caps, what)
    return new Refusal('tenant_at_capacity', {
      message: `Tenant ${tenant} has ${limit} ${nouns[what]}, and may have no more at once.`,
      data: { scope: what, limit },
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    })
  }

  /** The tenants that use something now. */
  view(): readonly TenantUseView[] {
    return [...this.#used].map(([tenant, used]) => {
      const { maxConnections = 0, maxCalls = 0, maxWorkers = 0, maxWaiting = 0 } = this.#capsOf(tenant) ?? {}
      return { tenant, ...used, maxClients: maxConnections, maxCalls, maxWorkers, maxWaiting }
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
