/** What would happen to a call at a gateway that runs. */
import { isObject } from '../../protocol/json-text.ts'
import type { RateLimits } from '../../tenants/rate-limits.ts'
import type { TenantUse } from '../../tenants/tenant-use.ts'
import { commonCaller } from '../common-lists.ts'
import type { ServedUpstream } from '../served-upstream.ts'
import type { ServedUpstreams } from '../served-upstreams.ts'
import { keyFor } from '../tenant-setups.ts'
import type { AskedCall, NamedKind } from './asked-call.ts'
import { explainCall } from './explain-call.ts'
import type { RunningUpstream } from './explain-needs.ts'
import { type ExplainedSettings, settingsTenantOf } from './explain-reach.ts'
import type { Explanation } from './explanation.ts'

export interface ExplainRunningNeeds {
  readonly inForce: { readonly settings: ExplainedSettings }
  readonly rateLimits: Pick<RateLimits, 'preview'>
  readonly tenantUse: Pick<TenantUse, 'view' | 'holderOf'>
  readonly upstreams: Pick<ServedUpstreams, 'get'>
  readonly drain: { readonly draining: boolean }
  readonly state: () => { readonly refusesWork: boolean }
}

export function explainRunning(asked: AskedCall, needs: ExplainRunningNeeds): Explanation {
  const { inForce, rateLimits, tenantUse, upstreams, drain, state } = needs
  const holder = tenantUse.holderOf(asked.tenant)
  const use = tenantUse.view().find(({ tenant }) => tenant === holder)
  const known = new Map<string, readonly string[] | undefined>()
  const { settings } = inForce
  const settingsOf = settingsTenantOf(asked, settings)
  // One of the tenant alone that nobody has called yet is not there, and is not started to be asked about.
  const servedFor = (name: string): ServedUpstream | undefined => upstreams.get(keyFor(settings, name, settingsOf))
  return explainCall(asked, {
    settings,
    rateLimits,
    running: {
      isDraining: drain.draining,
      refusesWork: state().refusesWork,
      use: { clients: use?.clients ?? 0, calls: use?.calls ?? 0 },
      upstream(name) {
        const served = servedFor(name)
        if (served) return runningUpstream(served)
        const ofAll = upstreams.get(name)
        return ofAll && { ...runningUpstream(ofAll), standing: 'unopened', sharing: undefined, isHeldBack: () => false }
      },
    },
    listed(name, kind) {
      const key = `${kind} ${name}`
      const served = servedFor(name)
      if (!known.has(key)) known.set(key, served && namesIn(served, kind))
      return known.get(key)
    },
  })
}

function runningUpstream({ standing, control, facts, catalog }: ServedUpstream): RunningUpstream {
  return {
    standing,
    control: control.state(),
    sharing: facts?.sharing,
    isHeldBack: (tool) => catalog.isHeldBack(tool),
  }
}

/** The names that an upstream lists to clients without capabilities, as they are known without asking it. */
function namesIn({ facts, catalog }: ServedUpstream, kind: NamedKind): readonly string[] | undefined {
  if (kind === 'resource') return undefined
  const pages = (facts?.serverEras ?? []).flatMap(({ era }) => catalog.known(commonCaller(era), `${kind}s/list`) ?? [])
  if (pages.length === 0) return undefined
  return pages.flatMap(({ result }) => {
    const entries = result.value[`${kind}s`]
    return (Array.isArray(entries) ? entries : []).flatMap((entry) => {
      const name = isObject(entry) ? entry['name'] : undefined
      return typeof name === 'string' ? name : []
    })
  })
}
