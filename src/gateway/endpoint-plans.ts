/** Which endpoints there are, for one tenant or for all callers, and what is behind each, as the settings say. Pure. */
import { isDeepStrictEqual } from 'node:util'
import type { Settings } from '../config/settings.ts'
import type { NamingSettings } from '../router/naming.ts'
import { endpointDecision, membersOfTenant, type TenantView } from '../router/tenant-view.ts'
import { membersInView, type ViewSettings } from '../router/view.ts'

/** The settings that make endpoints. */
export type EndpointPlanSettings = Pick<Settings, 'upstreams' | 'endpoints' | 'aliases' | 'tenants'> & {
  readonly limits: Pick<Settings['limits'], 'unknownTenants'>
}

/** What makes an endpoint. */
export interface Plan {
  readonly members: readonly string[]
  readonly view: ViewSettings
  readonly tenant: TenantView | undefined
  /** The tenant of the settings whose upstreams are meant, where it has some of its own; undefined for those of all callers. */
  readonly ofTenant: string | undefined
  /** Undefined: its only upstream is behind it, under its own names. */
  readonly naming: NamingSettings | undefined
}

/** The tenant for callers whose own tenant has no name in the settings, if they are served. */
const defaultTenant = 'default'

/** Whether tenants are told apart at all. */
export function hasTenants({ tenants }: Pick<Settings, 'tenants'>): boolean {
  return Object.keys(tenants).length > 0
}

/** The name of the tenant whose settings hold for a tenant; undefined if its callers are refused. */
export function tenantInForce(
  { tenants, limits }: Pick<EndpointPlanSettings, 'tenants' | 'limits'>,
  tenant: string,
): string | undefined {
  if (Object.hasOwn(tenants, tenant)) return tenant
  return limits.unknownTenants === 'default' && Object.hasOwn(tenants, defaultTenant) ? defaultTenant : undefined
}

/** Whether the settings of a tenant hold for others as well, which have no name there. */
export function holdsForOthers({ limits }: Pick<EndpointPlanSettings, 'limits'>, tenant: string): boolean {
  return tenant === defaultTenant && limits.unknownTenants === 'default'
}

/**
 * The endpoints by name: those that are always there, and those that the settings name.
 * @param tenant whose endpoints are wanted, where tenants are told apart; there are none for one that is refused
 */
export function plansOf(settings: EndpointPlanSettings, tenant?: string): ReadonlyMap<string, Plan> {
  const { upstreams, endpoints, aliases, tenants } = settings
  const names = Object.keys(upstreams)
  const naming: NamingSettings = { hasPrefix: names.length > 1, aliases }
  const plans = new Map<string, Plan>([['', planOf(names, {}, naming)]])
  for (const name of names) plans.set(name, planOf([name], {}, naming))
  for (const [name, view] of Object.entries(endpoints))
    plans.set(name, planOf(membersInView(view, names, aliases), view, naming))
  if (tenant === undefined) return plans
  const name = tenantInForce(settings, tenant)
  const own = name === undefined ? undefined : tenants[name]
  if (!own) return new Map()
  const { upstreams: allowed, tools, prompts, resources } = own
  const view: TenantView = { upstreams: allowed, tools, prompts, resources, all: names, aliases }
  const seen = new Set(membersOfTenant(view))
  return new Map(
    [...plans].flatMap(([at, plan]): Array<[string, Plan]> => {
      const members = plan.members.filter((member) => seen.has(member))
      if (members.length === 0 || !endpointDecision(own, at).isAllowed) return []
      // The endpoint of one upstream has its names without prefix, however many upstreams there are.
      const isOfUpstream = plan.naming === undefined && names.length > 1
      const ownNaming = isOfUpstream ? { hasPrefix: false, aliases } : naming
      return [[at, { ...plan, members, tenant: view, ofTenant: name, naming: ownNaming }]]
    }),
  )
}

function planOf(members: readonly string[], view: ViewSettings, naming: NamingSettings): Plan {
  const isPlain = members.length === 1 && (view.tools ?? []).length === 0
  return { members, view, tenant: undefined, ofTenant: undefined, naming: isPlain ? undefined : naming }
}

/** Whether the same endpoint, with its router if it has one, serves both plans. */
export function isSamePlan(one: Plan, other: Plan): boolean {
  if (!one.naming && !other.naming) return one.members[0] === other.members[0]
  return isDeepStrictEqual([one.view, one.naming, one.tenant], [other.view, other.naming, other.tenant])
}
