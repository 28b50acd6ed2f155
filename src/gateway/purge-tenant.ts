/** Deletes what is kept of a tenant in this instance. What others have, also under equal ids, is not touched. */
import type { Sessions } from '../sessions/sessions.ts'
import type { Upstream } from '../upstreams/upstream.ts'
import type { RateLimits } from '../tenants/rate-limits.ts'
import type { RunningCalls } from './calls/running-calls.ts'
import type { ServedUpstream } from './served-upstream.ts'
import type { ServedUpstreams } from './served-upstreams.ts'
import { tenantIn, type TenantSetups } from './tenant-setups.ts'

export interface PurgeNeeds {
  readonly sessions: Pick<Sessions, 'all' | 'end'>
  readonly runningCalls: RunningCalls
  readonly upstreams: {
    readonly all: ReadonlyArray<
      Pick<ServedUpstream, 'key' | 'name' | 'facts'> & { readonly behind: Pick<Upstream, 'endTenant'> }
    >
  } & Pick<ServedUpstreams, 'put' | 'discard'>
  readonly inForce: { readonly settings: TenantSetups }
  readonly endpoints: { forget(tenant: string): void }
  readonly rateLimits: Pick<RateLimits, 'forget'>
}

/** How much was deleted. */
export interface PurgedTenant {
  readonly sessions: number
  /** Calls that were cancelled, also those that waited for their clients. */
  readonly calls: number
  /** Workers that served this tenant alone, without those of its sessions. */
  readonly workers: number
  /** Rates and quotas that were in use. */
  readonly limits: number
  /** Servers whose workers all tenants share: what these remember cannot be told apart, and stays. */
  readonly sharedServers: readonly string[]
}

/**
 * Ends the sessions of a tenant with what is stored of them, cancels its calls, ends its workers, and forgets its lists and
 * what it has used of its limits. Its callers may come again at once, and begin anew.
 */
export async function purgeTenant(tenant: string, needs: PurgeNeeds): Promise<PurgedTenant> {
  const { sessions, runningCalls, upstreams, endpoints, rateLimits } = needs
  const own = [...sessions.all()].filter(({ session }) => session.principal.tenant === tenant)
  const calls = [...runningCalls].filter(({ call }) => call.principal.tenant === tenant)
  // A store that fails keeps the records, and the caller is told; everything else is deleted all the same.
  const ends = await Promise.allSettled(own.map((live) => sessions.end(live, 'purged')))
  for (const { call } of calls) call.cancel.cancel('the data of the tenant is deleted')
  const workers = upstreams.all.reduce((sum, { behind }) => sum + behind.endTenant(tenant), 0)
  endpoints.forget(tenant)
  // Where it has variables or arguments of its own, what was learnt with them goes as well.
  endOwnUpstreams(tenant, needs)
  const limits = rateLimits.forget(tenant)
  for (const end of ends) if (end.status === 'rejected') throw end.reason
  return { sessions: own.length, calls: calls.length, workers, limits, sharedServers: shared(upstreams.all) }
}

function endOwnUpstreams(tenant: string, { upstreams, inForce }: Pick<PurgeNeeds, 'upstreams' | 'inForce'>): void {
  // Those of `default` may be of other tenants, too, which have no name in the settings.
  if (tenant === 'default') return
  const others = upstreams.all.flatMap(({ key }) => (tenantIn(key) === tenant ? [] : key))
  for (const served of upstreams.put(others, [], inForce.settings)) void upstreams.discard(served)
}

function shared(all: PurgeNeeds['upstreams']['all']): readonly string[] {
  return all.flatMap(({ name, facts }) =>
    facts && [facts.sharing.sessions, facts.sharing.stateless].includes('shared') ? [name] : [],
  )
}
