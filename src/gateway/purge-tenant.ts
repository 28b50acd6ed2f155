/** Deletes what is kept of a tenant in this instance. What others have, also under equal ids, is not touched. */
import type { Sessions } from '../sessions/sessions.ts'
import type { RateLimits } from '../tenants/rate-limits.ts'
import type { CallerIdentity } from './caller-identity.ts'
import type { RunningCalls } from './calls/running-calls.ts'
import { type EndpointPlanSettings, holdsForOthers } from './endpoint-plans.ts'
import type { ServedUpstream } from './served-upstream.ts'
import type { ServedUpstreams } from './served-upstreams.ts'
import { tenantIn } from './tenant-setups.ts'

export interface PurgeNeeds {
  readonly sessions: Pick<Sessions, 'all' | 'end'>
  readonly runningCalls: RunningCalls
  readonly upstreams: Pick<ServedUpstreams, 'all' | 'remove'>
  readonly endpoints: { forget(tenant: string): void }
  readonly rateLimits: Pick<RateLimits, 'forget'>
  readonly identity: Pick<CallerIdentity, 'forget'>
  readonly inForce: { readonly settings: Pick<EndpointPlanSettings, 'limits'> }
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
  /** Tokens that were known to be good. */
  readonly tokens: number
  /** Servers whose workers all tenants share: what these remember cannot be told apart, and stays. */
  readonly sharedServers: readonly string[]
}

/**
 * Ends the sessions of a tenant with what is stored of them, cancels its calls, ends its workers, and forgets its lists,
 * its tokens, and what it has used of its limits, all in one step: its callers may come again at once, and begin anew. Waits for the store.
 */
export async function purgeTenant(tenant: string, needs: PurgeNeeds): Promise<PurgedTenant> {
  const { sessions, runningCalls, upstreams, endpoints, rateLimits, identity, inForce } = needs
  const own = [...sessions.all()].filter(({ session }) => session.principal.tenant === tenant)
  const calls = [...runningCalls].filter(({ call }) => call.principal.tenant === tenant)
  // Not waited for here: whoever came again meanwhile would lose what it has begun.
  const ending = own.map((live) => sessions.end(live, 'purged'))
  for (const { call } of calls) call.cancel.cancel('the data of the tenant is deleted')
  const alone = upstreams.all.filter(({ key }) => tenantIn(key) === tenant && !holdsForOthers(inForce.settings, tenant))
  const others = upstreams.all.filter((served) => !alone.includes(served))
  const workers =
    sumOf(alone, ({ behind }) => behind.workers().length) + sumOf(others, ({ behind }) => behind.endTenant(tenant))
  upstreams.remove(alone)
  endpoints.forget(tenant)
  const [limits, tokens] = [rateLimits.forget(tenant), identity.forget(tenant)]
  // A store that fails keeps the records, and the caller is told; everything else is deleted all the same.
  const ends = await Promise.allSettled(ending)
  for (const end of ends) if (end.status === 'rejected') throw end.reason
  return {
    sessions: own.length,
    calls: calls.length,
    workers,
    limits,
    tokens,
    sharedServers: sharedOf(others, inForce.settings),
  }
}

/** The names of those whose workers are shared with other tenants. */
function sharedOf(all: readonly ServedUpstream[], settings: PurgeNeeds['inForce']['settings']): readonly string[] {
  const names = all.flatMap(({ key, name, facts }) => {
    const isOfOne = tenantIn(key) !== undefined && !holdsForOthers(settings, tenantIn(key) ?? '')
    return facts && !isOfOne && [facts.sharing.sessions, facts.sharing.stateless].includes('shared') ? [name] : []
  })
  return [...new Set(names)]
}

function sumOf(all: readonly ServedUpstream[], of: (served: ServedUpstream) => number): number {
  return all.reduce((sum, served) => sum + of(served), 0)
}
