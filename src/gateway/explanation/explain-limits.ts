/** What a call costs of the limits of its tenant, and how near the tenant is to its bounds. Nothing is taken. */
import { limitsHolderOf } from '../../tenants/limits-holder.ts'
import type { LimitPreview, Operation } from '../../tenants/rate-limits.ts'
import type { AskedCall } from './asked-call.ts'
import { refused } from './explain-reach.ts'
import type { ExplainNeeds } from './explain-needs.ts'
import type { ExplainedStep } from './explanation.ts'

const optionOf: Readonly<Record<LimitPreview['scope'], string>> = {
  tenant: 'rate',
  subject: 'subjectRate',
  tool: 'toolRates',
  upstream: 'upstreamRates',
  quota: 'quota',
}

/** @param settingsOf the tenant whose settings hold; undefined where tenants are not told apart */
export function limitSteps(
  { tenant, subject, issuer }: AskedCall,
  operation: Operation,
  settingsOf: string | undefined,
  { settings, rateLimits, running }: ExplainNeeds,
): readonly ExplainedStep[] {
  if (settingsOf === undefined || operation.method === 'ping') return []
  const principal = { tenant, subject: subject ?? '', ...(issuer !== undefined && { issuer }) }
  return rateLimits.preview(principal, operation).map((limit): ExplainedStep => {
    const { scope, of, cost, dryRun, waitMs } = limit
    const isOfEach = scope === 'subject' && subject === undefined
    const left = isOfEach || !running ? undefined : limit.left
    const by = {
      option: `tenants.${holderIn(settings, settingsOf)}.${optionOf[scope]}`,
      text: scope === 'quota' ? limit.limit : of,
    }
    const what = `it costs ${cost} of ${limit.limit}${of === undefined ? '' : `, for ${of}`}`
    const rest = left === undefined ? (isOfEach ? ', for each subject' : '') : `, of which ${left} are left`
    const isShort = waitMs > 0 && left !== undefined
    const passes = !isShort || dryRun
    const dry = dryRun ? (isShort ? '; dryRun: it would be refused' : '; dryRun: nothing is refused by it') : ''
    const says = `${what}${rest}${dry}`
    return { step: 'limit', passes, says, refusal: passes ? undefined : 'rate_limited', by, cost, left }
  })
}

/** The tenant of the settings whose limits hold for another one. */
function holderIn({ tenants }: ExplainNeeds['settings'], settingsOf: string): string {
  return limitsHolderOf(new Map(Object.entries(tenants)), settingsOf)
}

/** The bounds of the tenant: of clients for those that come, of calls for each call. */
export function boundSteps(
  settingsOf: string | undefined,
  { settings, running }: ExplainNeeds,
): readonly ExplainedStep[] {
  const holder = settingsOf === undefined ? undefined : holderIn(settings, settingsOf)
  const own = holder === undefined ? undefined : settings.tenants[holder]
  if (!own) return []
  const bounds = [
    { key: 'maxConnections', most: own.maxConnections, now: running?.use.clients, of: 'clients' },
    { key: 'maxCalls', most: own.maxCalls, now: running?.use.calls, of: 'calls in flight' },
  ] as const
  return bounds.map(({ key, most, now, of }): ExplainedStep => {
    const by = { option: `tenants.${holder}.${key}` }
    if (now === undefined)
      return {
        step: 'bound',
        passes: most > 0,
        says: `at most ${most} ${of}`,
        by,
        refusal: most > 0 ? undefined : 'tenant_at_capacity',
      }
    const says = `${now} of at most ${most} ${of}`
    if (now < most) return { step: 'bound', passes: true, says, by }
    // A session that is open has its place.
    if (key === 'maxConnections')
      return {
        step: 'bound',
        passes: most > 0,
        says: `${says}: a new client would be refused`,
        by,
        refusal: most > 0 ? undefined : 'tenant_at_capacity',
      }
    return refused('bound', says, 'tenant_at_capacity', by)
  })
}
