/**
 * Upstreams of one tenant: where a tenant has variables or arguments of its own at an upstream, it is served by another one
 * of that name, with workers and a catalogue of its own. So nothing that was started, learnt or kept with what is the
 * tenant's reaches another one. Pure.
 */
import type { Settings } from '../config/settings.ts'
import type { UpstreamSetup } from '../upstreams/options.ts'

export type TenantSetups = Pick<Settings, 'upstreams' | 'tenants'>

/** What an endpoint serves, and to whom: the tenant as the settings name it, undefined where tenants are not told apart. */
interface Served {
  readonly members: readonly string[]
  readonly ofTenant: string | undefined
}

/** Its place in the figures and the log, and for operators. No name of an upstream has this character. */
const separator = '@'

/** The key of the upstream of a tenant: `github@acme`. */
export function keyOfTenant(name: string, tenant: string): string {
  return `${name}${separator}${tenant}`
}

/** The key of the upstream of a name for the callers of a tenant, as the settings name it; undefined for all callers. */
export function keyFor(settings: TenantSetups, name: string, tenant: string | undefined): string {
  return tenant !== undefined && setupFor(settings, name, tenant) ? keyOfTenant(name, tenant) : name
}

/** The name of an upstream, as clients see it, by its key. */
export function nameIn(key: string): string {
  return key.split(separator, 1)[0] ?? key
}

/** The tenant that an upstream is for alone, by its key; undefined if it is for all. */
export function tenantIn(key: string): string | undefined {
  const end = key.indexOf(separator)
  return end < 0 ? undefined : key.slice(end + 1)
}

/** The setup of an upstream for a tenant alone; undefined if the tenant has nothing of its own there. */
export function setupFor(
  { upstreams, tenants }: TenantSetups,
  name: string,
  tenant: string,
): UpstreamSetup | undefined {
  const setup = Object.hasOwn(upstreams, name) ? upstreams[name] : undefined
  const settings = Object.hasOwn(tenants, tenant) ? tenants[tenant] : undefined
  if (!setup || !settings) return undefined
  const [env, args] = [memberOf(settings.env, name), memberOf(settings.args, name)]
  if (!env && !args) return undefined
  // What is started in advance is for any caller; for each tenant it would be too much.
  const common = { spares: 0, poolMin: 0, boundArgs: args ? { ...args, ...setup.boundArgs } : setup.boundArgs }
  return setup.kind === 'stdio' ? { ...setup, ...common, env: { ...setup.env, ...env } } : { ...setup, ...common }
}

/** Whether calls of an endpoint may be at the upstream of a key: those of a tenant with its own one are there alone. */
export function isAt(key: string, { members, ofTenant }: Served, settings: TenantSetups): boolean {
  const name = nameIn(key)
  const isOwn = ofTenant !== undefined && setupFor(settings, name, ofTenant) !== undefined
  return members.includes(name) && key === (isOwn ? keyOfTenant(name, ofTenant) : name)
}

function memberOf<Value>(all: Readonly<Record<string, Value>> | undefined, name: string): Value | undefined {
  return all && Object.hasOwn(all, name) ? all[name] : undefined
}
