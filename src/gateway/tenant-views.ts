/** What operators see of tenants: what each may use, its limits, and what it uses now. */
import type { Settings } from '../config/settings.ts'
import type { LimitView, RateLimits } from '../tenants/rate-limits.ts'
import type { TenantUse } from '../tenants/tenant-use.ts'

export interface TenantOverview {
  readonly tenant: string
  /** Whether the settings name it; if not, it has what `default` has. */
  readonly isNamed: boolean
  readonly clients: number
  readonly maxClients: number
  readonly calls: number
  readonly maxCalls: number
  readonly workers: number
  /** 0: as many as the pools of the servers have. */
  readonly maxWorkers: number
  readonly waiting: number
  /** 0: as many as the lines have room for. */
  readonly maxWaiting: number
  /** Under whose limits it counts, together with others; undefined for its own. */
  readonly limitsOf?: string
  readonly weight: number
  /** Patterns, by what they are of; a list that is empty says nothing. */
  readonly allows: Readonly<Record<'upstreams' | 'endpoints' | 'tools' | 'prompts' | 'resources', readonly string[]>>
  /** Its rates and quotas. Those of `default` count tenants without a name as well. */
  readonly limits: readonly LimitView[]
}

export interface TenantOverviewNeeds {
  readonly inForce: { readonly settings: Pick<Settings, 'tenants'> }
  readonly rateLimits: Pick<RateLimits, 'view'>
  readonly tenantUse: Pick<TenantUse, 'view'>
}

/** The tenants of the settings in their order, then those without a name there that use something now. */
export function tenantViews({ inForce, rateLimits, tenantUse }: TenantOverviewNeeds): readonly TenantOverview[] {
  const tenants = new Map(Object.entries(inForce.settings.tenants))
  const used = new Map(tenantUse.view().map((one) => [one.tenant, one]))
  const limits = rateLimits.view()
  return [...new Set([...tenants.keys(), ...used.keys()])].flatMap((tenant) => {
    const own = tenants.get(tenant)
    const settings = own ?? tenants.get('default')
    if (!settings) return []
    const { upstreams, endpoints, tools, prompts, resources, weight } = settings
    const limitsOf = settings.limitsOf === '' || settings.limitsOf === tenant ? undefined : settings.limitsOf
    const bounds = (limitsOf === undefined ? undefined : tenants.get(limitsOf)) ?? settings
    const { maxConnections, maxCalls, maxWorkers, maxWaiting } = bounds
    const { clients = 0, calls = 0, workers = 0, waiting = 0 } = used.get(tenant) ?? {}
    return {
      tenant,
      isNamed: own !== undefined,
      clients,
      maxClients: maxConnections,
      calls,
      maxCalls,
      workers,
      maxWorkers,
      waiting,
      maxWaiting,
      ...(limitsOf !== undefined && { limitsOf }),
      weight,
      allows: { upstreams, endpoints, tools, prompts, resources },
      limits: limits.filter((one) => one.tenant === (limitsOf ?? tenant)),
    }
  })
}
