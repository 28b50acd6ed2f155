/**
 * What an operator sees of a running gateway and does to it, beyond the health report. What it tells is for the operator
 * alone: names of clients, and what servers say. Ids of sessions are never told, since they give access: labels are.
 */
import { sessionLabel } from '../base/ids.ts'
import type { Clock } from '../base/clock.ts'
import { clientName, clientVersion, type LiveSession, type LiveSessionView } from '../sessions/live-session.ts'
import type { ListedTools } from '../protocol/listed-tools.ts'
import type { PastCall } from '../protocol/past-call.ts'
import { knownMethod } from '../protocol/methods.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { LimitView } from '../tenants/rate-limits.ts'
import type { TenantUseView } from '../tenants/tenant-use.ts'
import type { RunningCalls, TrackedCall } from './calls/running-calls.ts'
import type { Drain } from './drain.ts'
import type { AskedCall } from './explanation/asked-call.ts'
import { explainRunning, type ExplainRunningNeeds } from './explanation/explain-running.ts'
import type { Explanation } from './explanation/explanation.ts'
import type { GatewayState } from './health.ts'
import type { ServedUpstreams } from './served-upstreams.ts'
import { type PurgedTenant, type PurgeNeeds, purgeTenant } from './purge-tenant.ts'
import { type TenantOverview, type TenantOverviewNeeds, tenantViews } from './tenant-views.ts'

/** A live session, in plain data. */
export interface SessionView extends LiveSessionView {
  /** The first eight characters of the hash of its id, as in the log. */
  readonly label: string
  /** The endpoint that it belongs to; empty for that of all upstreams. */
  readonly endpoint: string
}

/** A session with all that is known of it. */
export interface SessionDetails extends SessionView {
  readonly subject: string
  /** Who vouches for the subject; undefined where there are no credentials. */
  readonly issuer: string | undefined
  /** The version that the client says it has. */
  readonly clientVersion: string | undefined
  /** The tools that its client was last shown here; undefined if it has not asked. */
  readonly tools: ListedTools | undefined
  /** Its calls in flight, the oldest first: a hundred at most. */
  readonly running: readonly CallView[]
  /** Its last calls, oldest first. */
  readonly history: readonly PastCall[]
}

/** A call that runs. */
export interface CallView {
  readonly method: string
  readonly tool: string | undefined
  readonly upstream: string | undefined
  /** The label of its session. */
  readonly session: string | undefined
  readonly client: string | undefined
  readonly ageMs: number
  /** As in its line of the log. */
  readonly requestId: string
  /** Whether no worker has it: it waits in front of its upstream, for a worker, or for its client. */
  readonly isWaiting: boolean
}

/** What all sessions hold together. */
export interface SessionTotals {
  readonly count: number
  /** The age of the oldest one, in milliseconds; 0 without any. */
  readonly oldestMs: number
  readonly heldBytes: number
}

export interface Overview {
  /** Live sessions in the order in which they were opened, without the first `skip` of those that pass. */
  sessions(page: SessionPage): { readonly sessions: readonly SessionView[]; readonly total: number }
  sessionTotals(): SessionTotals
  /** The sessions whose labels begin with a text: several, if it is short. */
  session(label: string): readonly SessionDetails[]
  /** Ends a session, as the operator wishes. @returns whether there was one with exactly this label */
  closeSession(label: string): Promise<boolean>
  /** Calls in flight, the oldest first. @param most how many at most */
  calls(most: number): readonly CallView[]
  /** The figures of each upstream, by name, in their order. */
  upstreamCounts(): ReadonlyArray<readonly [name: string, counts: Readonly<Record<string, number>>]>
  /** The figures of the whole, as `counts` of the health report has them. */
  counts(): Readonly<Record<string, number>>
  /** The rates and quotas of tenants, with what has been decided under each. */
  tenantLimits(): readonly LimitView[]
  /** What tenants use at once, of those that use something. */
  tenantUse(): readonly TenantUseView[]
  /**
   * Deletes what is kept of a tenant: its sessions end with `purged`, its calls are cancelled, its own workers end, what it
   * has used of its limits and its tokens are forgotten. Throws `store_unavailable` if records of sessions may be left.
   */
  purgeTenant(tenant: string): Promise<PurgedTenant>
  /** The tenants of the settings, and those that use something now. */
  tenants(): readonly TenantOverview[]
  /** What would happen to a call, and why. Nothing is taken, and nothing is sent. */
  explain(asked: AskedCall): Explanation
  readonly memory: { readonly heldBytes: number; readonly limitBytes: number }
  readonly limits: { readonly maxConnections: number }
  readonly isDraining: boolean
  /** For how long, in milliseconds; undefined if it does not drain. */
  readonly drainingForMs: number | undefined
}

/** Which sessions are asked for. */
export interface SessionPage {
  readonly skip: number
  readonly limit: number
  /** Only those of clients whose name has this in it, in any case. */
  readonly client?: string | undefined
  /** Only those of this tenant. */
  readonly tenant?: string | undefined
}

type OfTenants = Omit<TenantOverviewNeeds & ExplainRunningNeeds, 'upstreams' | 'drain' | 'state'>

export interface OverviewNeeds extends OfTenants {
  readonly endpoints: PurgeNeeds['endpoints']
  readonly rateLimits: OfTenants['rateLimits'] & PurgeNeeds['rateLimits']
  readonly identity: PurgeNeeds['identity']
  readonly sessions: Pick<Sessions, 'all' | 'end' | 'count'>
  readonly runningCalls: RunningCalls
  readonly upstreams: Pick<ServedUpstreams, 'all' | 'get' | 'remove'>
  readonly drain: Pick<Drain, 'draining' | 'beganMs'>
  /** The figures of the whole, and the bytes that are kept. */
  readonly state: () => Pick<GatewayState, 'counts' | 'memory' | 'refusesWork'>
  readonly limits: { readonly maxConnections: number }
  readonly clock: Clock
}

/** The most sessions that one beginning of a label finds. */
const mostFound = 20
/** The most calls in flight that are told of one session. */
const mostCalls = 100

export function createOverview(needs: OverviewNeeds): Overview {
  const { sessions, runningCalls, upstreams, drain, state, limits, clock } = needs

  const viewOf = (live: LiveSession): SessionView => ({
    label: sessionLabel(live.session.id),
    endpoint: live.session.endpoint,
    ...live.view(clock.now()),
  })

  const callOf = (tracked: TrackedCall): CallView => {
    const { call, startedMs, requestId } = tracked
    return {
      method: knownMethod(call.method),
      tool: tracked.tool(),
      upstream: tracked.upstream(),
      session: call.session === undefined ? undefined : sessionLabel(call.session),
      client: clientName(call),
      ageMs: Math.max(0, clock.now() - startedMs),
      requestId,
      isWaiting: call.stage?.isAtWorker !== true,
    }
  }

  const detailsOf = (live: LiveSession): SessionDetails => {
    const { id, principal } = live.session
    const own = [...runningCalls].filter(({ call }) => call.session === id)
    return {
      ...viewOf(live),
      subject: principal.subject,
      issuer: principal.issuer,
      clientVersion: clientVersion(live.session),
      tools: live.listedTools,
      running: oldest(own, mostCalls).map(callOf),
      history: live.history,
    }
  }

  const labelled = (label: string): LiveSession[] => {
    const found: LiveSession[] = []
    for (const live of sessions.all()) {
      if (found.length >= mostFound) break
      if (sessionLabel(live.session.id).startsWith(label)) found.push(live)
    }
    return found
  }

  return {
    sessions({ skip, limit, client, tenant }) {
      const wanted = client?.toLowerCase()
      const shown: SessionView[] = []
      let total = 0
      for (const live of sessions.all()) {
        if (wanted !== undefined && clientName(live.session)?.toLowerCase().includes(wanted) !== true) continue
        if (tenant !== undefined && live.session.principal.tenant !== tenant) continue
        if (total >= skip && shown.length < limit) shown.push(viewOf(live))
        total++
      }
      return { sessions: shown, total }
    },
    sessionTotals() {
      let [oldestAtMs, heldBytes] = [Infinity, 0]
      for (const { session, memory } of sessions.all()) {
        oldestAtMs = Math.min(oldestAtMs, session.createdAtMs)
        heldBytes += memory.heldBytes
      }
      return {
        count: sessions.count,
        oldestMs: Math.max(0, clock.now() - Math.min(oldestAtMs, clock.now())),
        heldBytes,
      }
    },
    session: (label) => labelled(label).map(detailsOf),
    async closeSession(label) {
      const found = labelled(label).filter(({ session }) => sessionLabel(session.id) === label)
      await Promise.all(found.map((live) => sessions.end(live, 'operator')))
      return found.length > 0
    },
    purgeTenant: (tenant) => purgeTenant(tenant, needs),
    calls: (most) => oldest(runningCalls, most).map(callOf),
    upstreamCounts: () => upstreams.all.map((served) => [served.key, served.counts()] as const),
    counts: () => state().counts,
    tenantLimits: () => needs.rateLimits.view(),
    tenantUse: () => needs.tenantUse.view(),
    tenants: () => tenantViews(needs),
    explain: (asked) => explainRunning(asked, needs),
    get memory() {
      return state().memory
    },
    limits,
    get isDraining() {
      return drain.draining
    },
    get drainingForMs() {
      return drain.beganMs === undefined ? undefined : clock.now() - drain.beganMs
    },
  }
}

function oldest(calls: Iterable<TrackedCall>, most: number): TrackedCall[] {
  return [...calls].toSorted((one, other) => one.startedMs - other.startedMs).slice(0, most)
}
