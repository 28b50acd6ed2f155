/** Which upstream a call is for, and whether the tool, prompt or resource that it names is seen. Pure. */
import type { RefusalCode } from '../../base/refusal.ts'
import { didYouMean } from '../../base/did-you-mean.ts'
import { createNaming, type Naming } from '../../router/naming.ts'
import { prefixedNames } from '../../router/names.ts'
import { namedAt, namedBy, type NamedByRequest, targetOf } from '../../router/target.ts'
import { knownMethod, knownMethods, unknownName } from '../../protocol/methods.ts'
import { allowsWhole, createTenantDecisions, membersOfTenant, upstreamDecision } from '../../router/tenant-view.ts'
import { toolDecisions } from '../../router/view.ts'
import type { PatternDecision } from '../../router/pattern-decision.ts'
import { asRefusal } from '../../base/refusal.ts'
import type { Plan } from '../endpoint-plans.ts'
import { type AskedCall, kindOfName, type NamedKind, askedRequest } from './asked-call.ts'
import { meant, refused } from './explain-reach.ts'
import type { ExplainedStep } from './explanation.ts'

export interface NamedCall {
  readonly steps: readonly ExplainedStep[]
  /** The upstream that it is for; undefined if none, or if it is for all of them. */
  readonly member: string | undefined
  /** The tool, prompt or URI, as its server has it. */
  readonly own: string | undefined
}

/** The names that an upstream lists; undefined if they are not known. */
export type ListedNames = (upstream: string, kind: NamedKind) => readonly string[] | undefined

/** What limits count the call as. */
export function targetAt(plan: Plan, asked: AskedCall, listed: ListedNames): NamedByRequest {
  const [first = ''] = plan.members
  const request = askedRequest(asked)
  if (!plan.naming) return namedAt(first, request)
  const naming = createNaming(plan.members, plan.naming)
  return namedBy(request, naming, first, (list, shown) =>
    fullName(plan, naming, list === 'tools/list' ? 'tool' : 'prompt', shown, listed),
  )
}

/** @param settingsOf the tenant whose settings hold; undefined where tenants are not told apart */
export function explainName(
  plan: Plan,
  asked: AskedCall,
  settingsOf: string | undefined,
  listed: ListedNames,
): NamedCall {
  const found = kindOfName(asked.names)
  const [first = '', ...others] = plan.members
  if (!found) {
    const only = others.length === 0 ? first : undefined
    return { steps: methodSteps(plan, asked.method, settingsOf), member: only, own: undefined }
  }
  const [kind, , shown] = found
  const naming = createNaming(plan.members, plan.naming ?? { hasPrefix: false })
  let target: ReturnType<typeof targetOf>
  try {
    const { method, params } = askedRequest(asked)
    target = targetOf(method, params, naming)
  } catch (error) {
    const hidden = hiddenServer(plan, kind, shown, settingsOf)
    if (hidden) return hidden
    const refusal = asRefusal(error)
    const says = refusal?.message ?? 'the request names nothing'
    return { steps: [refused('name', says, refusal?.code ?? 'invalid_params')], member: undefined, own: undefined }
  }
  if ('unknown' in target) {
    const hidden = hiddenServer(plan, kind, shown, settingsOf)
    if (hidden) return hidden
    const [begins = '', ...rest] = shown.split('__')
    const server = rest.length === 0 ? undefined : didYouMean(begins, plan.members)
    const instead = server === undefined ? undefined : [server, ...rest].join('__')
    const question = meant(shown, [
      ...(instead === undefined ? [] : [instead]),
      ...namesShown(plan, naming, kind, listed),
    ])
    const example = kind === 'resource' ? naming.uris.shown(first, 'file:///x') : naming.names.shown(first, 'x')
    const hint = others.length > 0 || !naming.isPlain ? `; here it would be called ${example}, by its server` : ''
    const says = `no server behind this endpoint has a ${kind} named ${shown}${question === '' ? hint : question}`
    return { steps: [refused('name', says, 'invalid_params')], member: undefined, own: undefined }
  }
  const { member, named, uri } = target
  const full = named?.mayBeShort ? fullName(plan, naming, kind, shown, listed) : undefined
  const own = full ?? named?.own ?? uri?.own ?? shown
  const steps = decisionsOn(plan, kindIn(asked.method, kind), member, own, naming, asked.endpoint, settingsOf)
  const isSeen = steps.every(({ passes }) => passes)
  return { member, own, steps: isSeen ? [...steps, ...listedSteps(plan, naming, kind, member, own, listed)] : steps }
}

/** A name of a server that the tenant may not use: the client is told that there is no such name, the operator why. */
function hiddenServer(
  { naming, tenant }: Plan,
  kind: NamedKind,
  shown: string,
  settingsOf: string | undefined,
): NamedCall | undefined {
  if (!tenant || settingsOf === undefined || naming?.hasPrefix !== true) return undefined
  const { names, uris } = createNaming(tenant.all, { ...naming, aliases: tenant.aliases })
  const member = kind === 'resource' ? uris.find(shown)?.member : names.find(shown)?.member
  if (member === undefined || membersOfTenant(tenant).includes(member)) return undefined
  const isByServer = tenant.upstreams.length > 0
  const option = `tenants.${settingsOf}.${isByServer ? 'upstreams' : (`${kind}s` as const)}`
  const by = { option, text: isByServer ? upstreamDecision(tenant, member).pattern : undefined }
  const says = `the tenant may not use ${member}, so the ${kind} looks as if it were not there`
  return { steps: [refused('server', says, 'invalid_params', by)], member: undefined, own: undefined }
}

/** What a method comes to that names nothing. */
function methodSteps({ members, tenant }: Plan, method: string, settingsOf: string | undefined): ExplainedStep[] {
  if (namingMethods.has(method))
    return [refused('name', `${method} must name what it is for, and nothing is named`, 'invalid_params')]
  if (knownMethod(method) !== unknownName) return []
  const unknown = `mcplex does not know the method ${method}${meant(method, [...knownMethods])}`
  const reached = tenant ? members.filter((member) => allowsWhole(tenant, member)) : members
  if (reached.length > 0)
    return [
      { step: 'name', passes: true, says: `${unknown}; of an extension, it goes to one of ${reached.join(', ')}` },
    ]
  const by = { option: `tenants.${settingsOf ?? ''}.upstreams` }
  return [refused('name', `${unknown}; such a method reaches only servers of upstreams`, 'method_not_found', by)]
}

const namingMethods: ReadonlySet<string> = new Set([
  'tools/call',
  'prompts/get',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'completion/complete',
])

type DecidedKind = NamedKind | 'template'

function kindIn(method: string, kind: NamedKind): DecidedKind {
  // Completions are for templates.
  return kind === 'resource' && method === 'completion/complete' ? 'template' : kind
}

/** What the endpoint, then the tenant says of a name. */
function decisionsOn(
  { view, tenant }: Plan,
  kind: DecidedKind,
  member: string,
  own: string,
  { names }: Naming,
  endpoint: string,
  settingsOf: string | undefined,
): readonly ExplainedStep[] {
  const steps: ExplainedStep[] = []
  const what = `the ${kind === 'template' ? 'template' : kind} ${own} of ${member}`
  if (kind === 'tool' && (view.tools ?? []).length > 0) {
    const option = `endpoints.${endpoint}.tools`
    steps.push(stepOf(toolDecisions(view, names)(member, own), option, 'clients of the endpoint', what))
  }
  if (!tenant || settingsOf === undefined) return steps
  const base = `tenants.${settingsOf}`
  const server = upstreamDecision(tenant, member)
  if (server.isAllowed)
    steps.push({
      step: 'server',
      passes: true,
      says: `the tenant may use ${member}`,
      by: { option: `${base}.upstreams`, text: server.pattern },
    })
  const list = kind === 'template' ? 'resources' : (`${kind}s` as const)
  const decision = createTenantDecisions(tenant)[kind](member, own)
  const isByServer = decision.isAllowed && decision.pattern === undefined && tenant[list].length === 0
  if (!isByServer) {
    const question =
      decision.isAllowed || decision.pattern !== undefined
        ? ''
        : meant(own, ownNamesIn(tenant[list], tenant.all, names))
    steps.push(stepOf(decision, `${base}.${list}`, 'the tenant', what, question))
  }
  return steps
}

/** The names, as servers have them, of patterns that stand for one name. */
function ownNamesIn(patterns: readonly string[], all: readonly string[], names: Naming['names']): string[] {
  const prefixed = prefixedNames(all)
  return patterns
    .filter((pattern) => !/[!*]/.test(pattern))
    .map((pattern) => prefixed.find(pattern)?.own ?? names.find(pattern)?.own ?? pattern)
}

/** @param who whose patterns they are */
function stepOf(
  { isAllowed, pattern }: PatternDecision,
  option: string,
  who: string,
  what: string,
  question = '',
): ExplainedStep {
  const by = { option, text: pattern }
  if (isAllowed) {
    const says = pattern === undefined ? `no pattern takes ${what} away from ${who}` : `${who} may use ${what}`
    return { step: 'name', passes: true, says, by }
  }
  const why = pattern === undefined ? `no pattern allows ${what} to ${who}` : `a pattern hides ${what} from ${who}`
  return refused('name', `${why}, so it looks as if it were not there${question}`, 'invalid_params', by)
}

/** Whether the server lists the name, as far as that is known. */
function listedSteps(
  plan: Plan,
  naming: Naming,
  kind: NamedKind,
  member: string,
  own: string,
  listed: ListedNames,
): readonly ExplainedStep[] {
  if (kind === 'resource') return []
  const names = listed(member, kind)
  if (!names) return []
  if (names.includes(own)) return [{ step: 'listed', passes: true, says: `${member} lists ${own}` }]
  const says = `${member} lists no ${kind} ${own}${meant(naming.names.shown(member, own), namesShown(plan, naming, kind, listed))}`
  const refusal: RefusalCode = 'invalid_params'
  // Without tenants, the server itself answers what it does not list.
  return plan.tenant
    ? [refused('listed', says, refusal)]
    : [{ step: 'listed', passes: true, says: `${says}; ${member} itself answers` }]
}

function namesShown(plan: Plan, { names }: Naming, kind: NamedKind, listed: ListedNames): readonly string[] {
  return plan.members.flatMap((member) => (listed(member, kind) ?? []).map((own) => names.shown(member, own)))
}

/** The name that a short form stands for. */
function fullName(
  { members }: Plan,
  { names }: Naming,
  kind: NamedKind,
  shown: string,
  listed: ListedNames,
): string | undefined {
  const member = names.find(shown)?.member
  if (member === undefined || !members.includes(member)) return undefined
  return listed(member, kind)?.find((own) => names.all(member, own).includes(shown))
}
