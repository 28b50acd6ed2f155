/**
 * How much each tenant uses at once: places of clients, calls in flight, workers, and places in lines. Bounded by the settings of the tenant;
 * where no tenant has settings, nothing is counted.
 */
import { createLease, type Lease } from '../base/lease.ts'
import { Refusal } from '../base/refusal.ts'
import type { WaitCounts } from '../base/waiting-line.ts'
import { limitsHolderOf, standard } from './limits-holder.ts'
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

type Caps = Pick<TenantSettings, 'maxConnections' | 'maxCalls' | 'maxWorkers' | 'maxWaiting' | 'limitsOf' | 'weight'>

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

  /** The tenant under whose bounds another one counts: mostly itself. */
  holderOf(tenant: string): string {
    return limitsHolderOf(this.#caps, tenant)
  }

  /** Whether a tenant has as many as it may: where tenants share bounds, all of them together. */
  isFull(tenant: string, what: Counted): boolean {
    const holder = this.holderOf(tenant)
    const caps = this.#capsOf(holder)
    return caps !== undefined && (this.#used.get(holder)?.[what] ?? 0) >= boundOf(caps, what)
  }

  /** Counts one client or call of a tenant until its lease ends; undefined without a bound. Throws `tenant_at_capacity`. */
  take(tenant: string, what: Counted): Lease | undefined {
    if (this.isFull(tenant, what)) throw this.refusal(tenant, what)
    return this.add(tenant, what)
  }

  /** Counts one of a tenant even beyond its bound. */
  add(tenant: string, what: Counted): Lease | undefined {
    if (!this.#capsOf(tenant)) return undefined
    const holder = this.holderOf(tenant)
    this.#count(tenant, what, 1)
    if (holder !== tenant) this.#count(holder, what, 1)
    return createLease(() => {
      this.#count(tenant, what, -1)
      if (holder !== tenant) this.#count(holder, what, -1)
    })
  }

  #count(tenant: string, what: Counted, by: 1 | -1): void {
    const used = this.#used.get(tenant) ?? { clients: 0, calls: 0, workers: 0, waiting: 0 }
    used[what] += by
    if (used.clients + used.calls + used.workers + used.waiting === 0) this.#used.delete(tenant)
    else this.#used.set(tenant, used)
  }

  /** The refusal of one more. */
  refusal(tenant: string, what: Counted, retryAfterMs?: number): Refusal {
    const holder = this.holderOf(tenant)
    const caps = this.#capsOf(holder)
    const limit = caps && boundOf(caps, what)
    const who = holder === tenant ? `Tenant ${tenant} has` : `Tenant ${tenant} and others that share its limits have`
    return new Refusal('tenant_at_capacity', {
      message: `${who} ${limit} ${nouns[what]}, and may have no more at once.`,
      data: { scope: what, limit },
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    })
  }

  /** The tenants that use something now. What counts under the bounds of another one is counted there as well. */
  view(): readonly TenantUseView[] {
    return [...this.#used].map(([tenant, used]) => {
      const {
        maxConnections = 0,
        maxCalls = 0,
        maxWorkers = 0,
        maxWaiting = 0,
      } = this.#capsOf(this.holderOf(tenant)) ?? {}
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
