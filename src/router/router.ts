/**
 * Several upstreams as one: finds the member that a request is for by the name, URI or id in it, and merges what the
 * members list, describe and announce. Clients see the names of the members in those of their tools, and in their URIs.
 *
 * Promises: it adds nothing to what its members promise, and takes nothing away; a member that is dead or slow delays
 * the others for no longer than `memberWaitMs`.
 */
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { MemoryBudget } from '../base/memory-budget.ts'
import { asRefusal, Refusal } from '../base/refusal.ts'
import { sumCounts } from '../base/sum-counts.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Call } from '../protocol/call.ts'
import type { HealthCheck } from '../protocol/health.ts'
import { isClientNotification, knownMethod, unknownName } from '../protocol/methods.ts'
import { type Upstream, type UpstreamFacts, UpstreamStartError } from '../upstreams/upstream.ts'
import { createAppRequests } from './app-requests.ts'
import { extensionMember } from './extension-methods.ts'
import { createMemberNames } from './member-names.ts'
import { type Member, ofMember } from './member.ts'
import { Members } from './members.ts'
import { mergeFacts } from './merged-facts.ts'
import { createMissingMembers } from './missing-members.ts'
import { createMergedCatalog } from './merged-catalog.ts'
import { listSkills, skillsList } from './merged-skills.ts'
import type { NamingSettings } from './naming.ts'
import { type Begun, OutcomeAlone, RoutedReply } from './routed-reply.ts'
import { createRoutedSubscriptions } from './routed-subscriptions.ts'
import {
  checkedRef,
  namedBy,
  type NamedByRequest,
  type Target,
  targetOf,
  type UnknownTarget,
  unknown,
  unknownResource,
} from './target.ts'
import { refuseUnlisted } from './unlisted-names.ts'
import type { TenantView } from './tenant-view.ts'
import type { ViewSettings } from './view.ts'

export interface RouterNeeds {
  /** In the order in which clients see them. Their names must be in order as `namesProblems` checks. */
  readonly members: readonly Member[]
  readonly naming: NamingSettings
  readonly view?: ViewSettings
  /** What the tenant sees whose clients it serves; undefined if it serves all. */
  readonly tenant?: TenantView | undefined
  /** The name of the merged server, for clients. */
  readonly serverName?: string
  /** How long the other members wait for one, in milliseconds. */
  readonly memberWaitMs: number
  readonly memory: MemoryBudget
  readonly clock: Clock
  readonly log: Log
}

export interface Router {
  /** The members as one. Its `start` and `close` start and close them. */
  readonly upstream: Upstream
  readonly catalog: Catalog
  /**
   * Replaces the members. Subscriptions are carried over, and their clients are told that the lists have changed. Calls
   * in flight end where they began.
   */
  replace(members: readonly Member[]): void
  /** The name of the member that a request is for by what it names; undefined if that does not say it. */
  memberOf(call: Pick<Call, 'method' | 'params'>): string | undefined
  /** The same with the tool or prompt that it names. */
  targetOf(call: Pick<Call, 'method' | 'params'>): NamedByRequest
  /** Ends the router, and its subscriptions; the members stay. */
  release(): void
}

/** Why a later round of a call cannot run, and what to do. */
export const removedMeanwhile =
  'The server that this call began at, or its tool, was removed meanwhile. Make the call again, if a server still has it: it may have run in part.'

export function createRouter(needs: RouterNeeds): Router {
  const { clock, log, memory, view = {}, serverName = 'mcplex', memberWaitMs } = needs
  const members = new Members({ members: needs.members, naming: needs.naming, view, tenant: needs.tenant })
  const appRequests = createAppRequests({ members, memberWaitMs, clock })
  const memberNames = createMemberNames({ members, appRequests, memberWaitMs, clock })
  const subscriptions = createRoutedSubscriptions({ members, memberWaitMs, clock })
  const missingMembers = createMissingMembers({ memberWaitMs, clock, log, onBack: () => subscriptions.changed() })
  const catalog = createMergedCatalog({
    serverName,
    memberWaitMs,
    members,
    memberNames,
    missingMembers,
    memory,
    clock,
  })
  let started: Promise<UpstreamFacts> | undefined

  const begin = (call: Call): Begun | Promise<Begun> => {
    const [only] = members.list
    if (call.method === 'completion/complete' && call.params) checkedRef(call.params)
    const isPlain = members.naming.isPlain && only !== undefined
    if (isPlain && !members.isOfTenant && call.method !== 'tools/call') return send(call, only.name, call)
    if (call.method === skillsList) {
      const reply = new OutcomeAlone(() => listSkills(call, { members, memberWaitMs, clock }))
      return { reply, translation: undefined }
    }
    const target = targetOf(call.method, call.params, members.naming)
    if ('unknown' in target) {
      if (!isPlain || target.unknown.kind !== 'method') return sendUnnamed(call, target)
      if (knownMethod(call.method) === unknownName && !members.unrestricted.includes(only))
        throw new Refusal('method_not_found')
      return send(call, only.name, call)
    }
    const { named, uri } = target
    if (uri && !seesUri(call, target.member, uri.own)) throw unknownResource(uri.shown)
    if (!named) return send(call, target.member, target)
    if (!named.mayBeShort) {
      if (!members.seesName(named.list, target.member, named.own)) throw unknown(named.list)
      const member = members.isOfTenant ? members.find(target.member) : undefined
      const checking = member && refuseUnlisted(member, named, call, { memberWaitMs, clock })
      return checking ? checking.then(() => send(call, target.member, target)) : send(call, target.member, target)
    }
    return memberNames.find(named.list, named.shown, call).then((found) => {
      if (!found) throw unknown(named.list)
      return send(call, found.member.name, { ...target, params: named.rename(found.own) })
    })
  }

  /** A later round of a call that was found before. If its member is gone by now, it cannot go on. */
  const nextRound = async (call: Call): Promise<Begun> => {
    try {
      return await begin(call)
    } catch (error) {
      throw asRefusal(error)?.code === 'invalid_params'
        ? new Refusal('suspended_call_gone', { cause: error, message: removedMeanwhile })
        : error
    }
  }

  /** A request that names no member: perhaps that of an App, or of an extension. */
  const sendUnnamed = async (call: Call, { unknown: { kind, shown }, refusal }: UnknownTarget): Promise<Begun> => {
    const found = await {
      tool: async () => (await memberNames.find('tools/list', shown, call))?.member,
      resource: () => appRequests.findResource(shown, call),
      // A method of the protocol itself names its member, if it is for one.
      method: async () =>
        knownMethod(shown) === unknownName
          ? extensionMember(members.unrestricted, call, { memberWaitMs, clock })
          : undefined,
    }[kind]()
    if (!found || (kind === 'resource' && !seesUri(call, found.name, shown))) throw refusal
    return send(call, found.name, call)
  }

  /** Completions are for templates; all else names a resource. */
  const seesUri = ({ method }: Call, member: string, own: string): boolean =>
    method === 'completion/complete' ? members.view.seesTemplate(member, own) : members.view.seesResource(member, own)

  const send = (call: Call, name: string, { params, named }: Pick<Target, 'params' | 'named'>): Begun => {
    const member = members.find(name)
    if (!member) throw unknown(named?.list ?? 'tools/list')
    const own = params === call.params ? call : { ...call, params }
    return { reply: member.upstream.call(own), translation: members.resultTranslationOf(name, call.method) }
  }

  const namedIn = (request: Pick<Call, 'method' | 'params'>): NamedByRequest =>
    namedBy(request, members.naming, members.list[0]?.name, (list, shown) => memberNames.known(list, shown)?.own)

  const start = async (discovered: Parameters<Upstream['start']>[0]): Promise<UpstreamFacts> => {
    const { list } = members
    // What a client of both eras is told in advance must be true of all members.
    const tell = list.length === 1 ? discovered : (): void => {}
    const starts = list.map((member) => member.upstream.start(tell))
    await Promise.any(starts).catch((error: unknown) => {
      throw asStartError(error instanceof AggregateError ? error.errors[0] : error)
    })
    const given = await Promise.all(starts.map((one, at) => ofMember(list[at]?.name ?? '', one, memberWaitMs, clock)))
    return mergeFacts(given.map((one) => ('value' in one ? one.value : undefined)))
  }

  const end = (): void => {
    missingMembers.close()
    subscriptions.close()
    catalog.changed()
  }

  const upstream: Upstream = {
    start: (discovered) => (started ??= start(discovered)),
    call: (call) => new RoutedReply(call.method, () => (call.worker === undefined ? begin(call) : nextRound(call))),
    subscribe: (caller, filter, subscriber) => subscriptions.subscribe(caller, filter, subscriber),
    notify(caller, method, params) {
      const list = isClientNotification(method) ? members.list : members.unrestricted
      atEach(list, ({ upstream: one }) => one.notify(caller, method, params))
    },
    endTenant: (tenant) => members.list.reduce((sum, { upstream: one }) => sum + one.endTenant(tenant), 0),
    endSession(caller) {
      atEach(members.list, ({ upstream: one }) => one.endSession(caller))
    },
    async health() {
      const { list } = members
      const given = await Promise.all(
        list.map((member) => ofMember(member.name, member.upstream.health(), memberWaitMs, clock)),
      )
      return mergedHealth(
        given.map((one): HealthCheck => ('value' in one ? one.value : { ok: false, detail: one.missing.reason })),
        list.map(({ name }) => name),
      )
    },
    async recycle() {
      await Promise.all(members.list.map((member) => member.upstream.recycle()))
    },
    workers: () => members.list.flatMap((member) => member.upstream.workers()),
    counts() {
      return sumCounts(members.list.map(({ upstream: one }) => one.counts()))
    },
    async close(how) {
      end()
      await Promise.all(members.list.map((member) => member.upstream.close(how)))
    },
  }

  return {
    upstream,
    catalog,
    replace(list) {
      const before = new Set(members.list)
      members.replace(list)
      // One that has taken the place of another, or has started meanwhile, is waited for again.
      missingMembers.keep(new Set(list.flatMap((member) => (before.has(member) ? [member.name] : []))))
      catalog.changed()
      subscriptions.changed()
    },
    memberOf: (call) => namedIn(call).member,
    targetOf: (call) => namedIn(call),
    release: end,
  }
}

/**
 * Does something at each member, whatever comes of it at another one. Throws the first error; a member that is not
 * available is none, unless all are not.
 */
function atEach(members: readonly Member[], action: (member: Member) => void): void {
  const errors: Error[] = []
  for (const member of members) {
    try {
      action(member)
    } catch (error) {
      errors.push(error instanceof Error ? error : new Error(String(error)))
    }
  }
  const isUnavailable = (error: Error): boolean => asRefusal(error)?.code === 'upstream_unavailable'
  const areAllGone = errors.length === members.length
  const first = errors.find((error) => areAllGone || !isUnavailable(error))
  if (first) throw first
}

function asStartError(error: unknown): UpstreamStartError {
  return error instanceof UpstreamStartError ? error : new UpstreamStartError(String(error))
}

/** A merged endpoint is healthy while at least one member is; the detail names the unhealthy members. */
function mergedHealth(checks: readonly HealthCheck[], names: readonly string[]): HealthCheck {
  const bad = checks.flatMap(({ ok, detail }, at) => (ok ? [] : [`${names[at] ?? ''}: ${detail ?? 'not ok'}`]))
  const ok = bad.length < checks.length
  return bad.length === 0 ? { ok } : { ok, detail: bad.join('; ') }
}
