/** What becomes of a call at its upstream: what stands in front of it, who shares its workers, which arguments are set. */
import { capabilityOf } from '../../protocol/methods.ts'
import type { UpstreamSetup } from '../../upstreams/options.ts'
import type { IsolationModes } from '../../upstreams/pooling/isolation-modes.ts'
import { keyFor, setupFor, type TenantSetups, tenantIn } from '../tenant-setups.ts'
import type { AskedCall } from './asked-call.ts'
import { refused } from './explain-reach.ts'
import type { RunningState, RunningUpstream } from './explain-needs.ts'
import type { ExplainedStep } from './explanation.ts'

const ofHandshake: ReadonlySet<string> = new Set(['initialize', 'server/discover', 'ping'])

/** Whether a request is answered without a worker. */
export function isAnsweredHere(method: string): boolean {
  return ofHandshake.has(method) || Object.hasOwn(capabilityOf, method)
}

export interface UpstreamStepsNeeds {
  readonly settings: TenantSetups
  /** Undefined without a gateway that runs. */
  readonly running: Pick<RunningState, 'upstream'> | undefined
}

/**
 * @param own the tool, prompt or URI that the call names, as its server has it
 * @param settingsOf the tenant whose settings hold; undefined where tenants are not told apart
 */
export function upstreamSteps(
  name: string,
  own: string | undefined,
  { method }: AskedCall,
  settingsOf: string | undefined,
  { settings, running }: UpstreamStepsNeeds,
): readonly ExplainedStep[] {
  const key = keyFor(settings, name, settingsOf)
  const tenant = tenantIn(key)
  const setup = (tenant === undefined ? undefined : setupFor(settings, name, tenant)) ?? settings.upstreams[name]
  const upstream = running?.upstream(name)
  const steps: ExplainedStep[] = []
  if (upstream && own !== undefined && method === 'tools/call' && upstream.isHeldBack(own))
    steps.push(
      refused('listed', `the definition of ${own} is held back until an operator accepts it`, 'invalid_params', {
        option: `upstreams.${name}.onChange`,
      }),
    )
  if (upstream) steps.push(controlStep(key, upstream))
  const by = { option: `upstreams.${name}.mode` }
  const mode = setup?.mode ?? 'session for servers of the session-based revisions, shared for stateless ones'
  const says = upstream?.sharing ? sharingOf(upstream.sharing) : `the mode is ${mode}`
  const alone = tenant === undefined ? '' : `; ${key} serves the callers of this tenant alone`
  steps.push({ step: 'workers', passes: true, says: `${says}${alone}`, by })
  return method === 'tools/call' ? [...steps, ...argumentSteps(name, tenant, setup?.boundArgs, settings)] : steps
}

/** The arguments that mcplex sets: those of the upstream go before those of the tenant. */
function argumentSteps(
  name: string,
  tenant: string | undefined,
  all: UpstreamSetup['boundArgs'],
  { upstreams }: Pick<TenantSetups, 'upstreams'>,
): ExplainedStep[] {
  const ofAll = upstreams[name]?.boundArgs ?? {}
  const [common, own] = [Object.keys(ofAll), Object.keys(all ?? {}).filter((one) => !Object.hasOwn(ofAll, one))]
  const stepOf = (args: readonly string[], option: string): ExplainedStep[] => {
    const says = `mcplex sets the arguments ${args.join(', ')}, if the tool has them`
    return args.length === 0 ? [] : [{ step: 'arguments', passes: true, says, by: { option } }]
  }
  return [...stepOf(common, `upstreams.${name}.boundArgs`), ...stepOf(own, `tenants.${tenant ?? ''}.args.${name}`)]
}

/** Who shares its workers. */
function sharingOf({ sessions, stateless }: IsolationModes): string {
  const mode = `the mode is ${sessions}`
  if (stateless === sessions) return mode
  return stateless === 'refuse'
    ? `${mode}; clients without sessions are refused`
    : `${mode}; for clients without sessions it is ${stateless}`
}

/** What stands in front of the upstream. */
function controlStep(name: string, { standing, control }: RunningUpstream): ExplainedStep {
  const { access, resumesInMs, breaker, concurrency } = control
  if (standing === 'failed')
    return refused('control', `${name} could not be started; it is tried again`, 'upstream_unavailable')
  // A server that starts is waited for; then the call is refused.
  if (access === 'disabled') return refused('control', `${name} is disabled by an operator`, 'upstream_disabled')
  // Once its time is over, one call is let through.
  if (breaker.state === 'open' && (breaker.isForced || (standing === 'started' && breaker.retryInMs !== 0))) {
    const how = breaker.isForced ? 'is held open by an operator' : 'is open: calls have failed too often'
    return refused('control', `the circuit breaker of ${name} ${how}`, 'breaker_open')
  }
  if (access === 'paused') {
    const left = resumesInMs === undefined ? '' : ` for another ${Math.ceil(resumesInMs / 1000)} s`
    return { step: 'control', passes: true, says: `${name} is paused by an operator${left}: the call waits` }
  }
  if (standing === 'starting')
    return { step: 'control', passes: true, says: `${name} is being started: the call waits for it` }
  if (standing === 'unopened')
    return { step: 'control', passes: true, says: `${name} is started with its first call, which waits for it` }
  const turns = concurrency ? `; ${concurrency.running} of ${concurrency.limit} turns are taken` : ''
  return {
    step: 'control',
    passes: true,
    says: `${name} takes calls, and its circuit breaker is ${breaker.state.replace('_', ' ')}${turns}`,
  }
}
