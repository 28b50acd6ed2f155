/** Whether a tenant's call reaches an endpoint, and what is behind it: the first steps of an explanation. Pure. */
import { didYouMean } from '../../base/did-you-mean.ts'
import type { Settings } from '../../config/settings.ts'
import { endpointDecision } from '../../router/tenant-view.ts'
import { type EndpointPlanSettings, hasTenants, type Plan, plansOf, tenantInForce } from '../endpoint-plans.ts'
import type { AskedCall } from './asked-call.ts'
import type { ExplainedStep } from './explanation.ts'

export type ExplainedSettings = EndpointPlanSettings & Pick<Settings, 'auth'>

/** What has been found of a call so far. */
export interface Reached {
  readonly steps: readonly ExplainedStep[]
  /** What is behind the endpoint; undefined if the call does not come so far. */
  readonly plan: Plan | undefined
  /** The tenant whose settings hold; undefined where tenants are not told apart. */
  readonly settingsOf: string | undefined
}

/** The tenant whose settings hold for a call; undefined where tenants are not told apart, or if it is refused. */
export function settingsTenantOf({ tenant }: AskedCall, settings: ExplainedSettings): string | undefined {
  return hasTenants(settings) ? tenantInForce(settings, tenant) : undefined
}

/** The tenant and the endpoint of a call. */
export function explainReach(asked: AskedCall, settings: ExplainedSettings): Reached {
  const { tenant, endpoint } = asked
  if (!hasTenants(settings)) {
    const says = 'the settings name no tenants: each caller may use everything'
    return reachEndpoint(asked, settings, undefined, [{ step: 'tenant', passes: true, says }])
  }
  const inForce = tenantInForce(settings, tenant)
  if (inForce === undefined) {
    const says = `the settings do not name the tenant ${tenant}${meant(tenant, Object.keys(settings.tenants))}`
    const by = { option: 'limits.unknownTenants' }
    return { plan: undefined, settingsOf: undefined, steps: [refused('tenant', says, 'unknown_tenant', by)] }
  }
  const isNamed = inForce === tenant
  const own = isNamed
    ? `the settings name the tenant ${tenant}`
    : `the settings do not name the tenant ${tenant}: it has what ${inForce} has`
  const says =
    settings.auth.methods.includes('none') && tenant !== 'default'
      ? `${own}; but without auth, all callers are of the tenant default`
      : own
  const by = { option: isNamed ? `tenants.${tenant}` : 'limits.unknownTenants' }
  return reachEndpoint({ ...asked, endpoint }, settings, inForce, [{ step: 'tenant', passes: true, says, by }])
}

function reachEndpoint(
  asked: AskedCall,
  settings: ExplainedSettings,
  settingsOf: string | undefined,
  before: readonly ExplainedStep[],
): Reached {
  const { endpoint, tenant } = asked
  const plans = plansOf(settings, settingsOf === undefined ? undefined : tenant)
  const plan = plans.get(endpoint)
  const own = settingsOf === undefined ? undefined : settings.tenants[settingsOf]
  const decision = own && endpointDecision(own, endpoint)
  const option = `tenants.${settingsOf ?? ''}.endpoints`
  const path = shownPathOf(endpoint)
  if (plan) {
    const says = `${path} is there for it, with ${plan.members.join(', ')} behind it`
    const by = decision?.pattern === undefined ? undefined : { option, text: decision.pattern }
    return { plan, settingsOf, steps: [...before, { step: 'endpoint', passes: true, says, by }] }
  }
  const all = plansOf(settings)
  const others = [...plans.keys()].map(shownPathOf)
  const instead = others.length === 0 ? '' : `; it may use ${others.join(', ')}`
  if (!all.has(endpoint)) {
    const says = `there is no endpoint ${path}${meant(endpoint, [...all.keys()])}`
    return { plan, settingsOf, steps: [...before, refused('endpoint', says, 'not_found')] }
  }
  if (decision && !decision.isAllowed) {
    const says = `the tenant does not see ${path}${instead}`
    return {
      plan,
      settingsOf,
      steps: [...before, refused('endpoint', says, 'not_found', { option, text: decision.pattern })],
    }
  }
  const says = `the tenant may use nothing of ${path}, so it is not there${instead}`
  const by = { option: `tenants.${settingsOf ?? ''}.upstreams` }
  return { plan, settingsOf, steps: [...before, refused('endpoint', says, 'not_found', by)] }
}

/** The path of an endpoint. */
function shownPathOf(endpoint: string): string {
  return endpoint === '' ? '/mcp' : `/mcp/${endpoint}`
}

/** A question after what is not there; empty if nothing is like it. */
export function meant(name: string, candidates: readonly string[]): string {
  const found = didYouMean(
    name,
    candidates.filter((one) => one !== ''),
  )
  return found === undefined ? '' : `; did you mean ${found}?`
}

export function refused(
  step: ExplainedStep['step'],
  says: string,
  refusal: NonNullable<ExplainedStep['refusal']>,
  by?: ExplainedStep['by'],
): ExplainedStep {
  return { step, passes: false, says, refusal, by }
}
