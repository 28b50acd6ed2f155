/** What is read at the moment of a scrape: how much there is of what, now. */
import type { Gateway, Overview } from '../../gateway/gateway.ts'
import { version } from '../../base/version.ts'
import { otherLabel, type Sample } from './tally.ts'

/** A metric as it is printed. */
export interface Metric {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly values: Iterable<Sample>
}

export type ReadGateway = Pick<Gateway, 'operations'> & { readonly overview: Overview }

/** The most combinations of tenant, scope and decision that are shown. */
const mostDecisions = 3000
/** The most tenants whose use is shown. */
const mostTenants = 500

/** More upstreams than this are shown as one. */
const mostUpstreams = 500

/** What is summed for each upstream, by name and the figures that it is made of. */
const sums = {
  mcplex_pool_waiting: {
    help: 'Calls that wait for a worker, or for the end of a pause.',
    figures: ['waitingCalls', 'queuedCalls'],
  },
  mcplex_worker_calls: { help: 'Calls that workers run.', figures: ['workerCalls'] },
  mcplex_pool_size: { help: 'Workers that take a slot, of those that the pool may have.', figures: ['workers'] },
  mcplex_pool_limit: { help: 'How many workers the pool may have, without its reserve.', figures: ['workersAtMost'] },
} as const

/** What modules share by name: the figures of each kind. */
const shared = {
  limited: { inUse: 'limitedCalls', waiting: 'waitingLimitedCalls', oldestMs: 'oldestLimitedWaitMs' },
  lock: { inUse: 'heldLocks', waiting: 'waitingForLocks', oldestMs: 'oldestLockWaitMs' },
  pool: { inUse: 'pooledInUse', waiting: 'waitingForPools', oldestMs: 'oldestPoolWaitMs' },
} as const

const breakerValues = { closed: 0, half_open: 1, open: 2 } as const

const oldest = ['oldestWaitMs', 'oldestQueueWaitMs']

export function* readState({ operations, overview }: ReadGateway): Generator<Metric> {
  const counts = overview.counts()
  const { count, oldestMs, heldBytes } = overview.sessionTotals()
  const { memory, limits } = overview
  yield gauge('mcplex_build_info', 'The version that runs.', [
    { labels: { version, node: process.versions.node }, value: 1 },
  ])
  yield one('mcplex_draining', 'Whether it drains.', overview.isDraining ? 1 : 0)
  yield one('mcplex_connections_active', 'Clients that have a place.', counts['clients'])
  yield one('mcplex_connections_limit', 'How many clients may have one.', limits.maxConnections)
  yield one('mcplex_admission_queue_depth', 'Clients that wait for a place.', counts['waitingClients'])
  yield one(
    'mcplex_admission_oldest_wait_seconds',
    'How long the first client in line has waited; 0 if none waits.',
    (counts['oldestClientWaitMs'] ?? 0) / 1000,
  )
  yield gauge('mcplex_sessions_active', 'Live sessions.', [{ labels: { era: 'session-based' }, value: count }])
  yield one('mcplex_session_oldest_seconds', 'The age of the oldest live session.', oldestMs / 1000)
  yield one('mcplex_session_kept_bytes', 'Bytes that sessions hold for good.', heldBytes)
  yield one('mcplex_kept_bytes', 'Bytes kept on behalf of clients and servers.', memory.heldBytes)
  yield one('mcplex_kept_bytes_limit', 'How many bytes may be kept.', memory.limitBytes)
  yield one('mcplex_requests_inflight', 'Calls in flight.', counts['calls'])
  yield one('mcplex_sse_streams_active', 'Event streams with a reader.', counts['streams'])
  yield one('mcplex_suspended_calls', 'Calls that wait for input of their client.', counts['suspendedCalls'])
  yield one('mcplex_overload_step', 'How many features are switched off under overload.', counts['overloadStep'])
  yield one(
    'mcplex_event_loop_delay_seconds',
    'How late the event loop was within the last second, in 99 of 100 cases: overload goes by it.',
    (counts['loopDelayMs'] ?? 0) / 1000,
  )
  yield* ofUpstreams(operations, overview)
  yield* ofSharedResources(overview)
  yield* ofTenants(overview)
}

/** What tenants use at once, and what was decided under their limits. Tenants without a name in the settings count as `default`. */
function* ofTenants(overview: Overview): Generator<Metric> {
  const used = overview.tenantUse().slice(0, mostTenants)
  const samples = (figure: 'clients' | 'calls' | 'workers' | 'waiting'): Sample[] =>
    used.map(({ tenant, [figure]: value }) => ({ labels: { tenant }, value }))
  if (used.length > 0) {
    yield gauge('mcplex_tenant_clients', 'Clients of a tenant that have a place, or wait for one.', samples('clients'))
    yield gauge('mcplex_tenant_calls', 'Calls of a tenant in flight.', samples('calls'))
    yield gauge('mcplex_tenant_workers', 'Workers that serve a tenant alone.', samples('workers'))
    yield gauge('mcplex_tenant_waiting', 'Clients and calls of a tenant in line.', samples('waiting'))
  }
  const sum = new Map<string, Sample>()
  for (const { tenant, scope, allowed, refused, wouldRefuse } of overview.tenantLimits())
    for (const [decision, count] of Object.entries({ allowed, refused, would_refuse: wouldRefuse })) {
      const key = `${tenant} ${scope} ${decision}`
      const before = sum.get(key)
      if (before === undefined && sum.size >= mostDecisions) continue
      sum.set(key, { labels: { tenant, scope, decision }, value: (before?.value ?? 0) + count })
    }
  const help = 'Requests by what the limits of tenants decided: allowed, refused, would_refuse.'
  if (sum.size > 0) yield { name: 'mcplex_ratelimit_decisions_total', help, type: 'counter', values: sum.values() }
}

function* ofUpstreams(operations: ReadGateway['operations'], overview: Overview): Generator<Metric> {
  const all = overview.upstreamCounts()
  const shown = all.slice(0, mostUpstreams)
  const rest = all.slice(mostUpstreams)
  for (const [name, { help, figures }] of Object.entries(sums)) {
    const sumOf = (counts: Readonly<Record<string, number>>): number =>
      figures.reduce((sum, figure) => sum + (counts[figure] ?? 0), 0)
    const values = shown.map(([upstream, counts]) => ({ labels: { upstream }, value: sumOf(counts) }))
    const others = rest.reduce((sum, [, counts]) => sum + sumOf(counts), 0)
    yield gauge(
      name,
      help,
      rest.length === 0 ? values : [...values, { labels: { upstream: otherLabel }, value: others }],
    )
  }
  yield gauge(
    'mcplex_pool_oldest_wait_seconds',
    'How long the first call in line has waited; 0 if none waits.',
    shown.map(([upstream, counts]) => {
      return { labels: { upstream }, value: Math.max(...oldest.map((figure) => counts[figure] ?? 0)) / 1000 }
    }),
  )
  const workers: Sample[] = []
  const access: Sample[] = []
  const breakers: Sample[] = []
  const limits: Sample[] = []
  for (const [upstream] of shown) {
    const states = new Map<string, number>()
    const operated = operations(upstream)
    for (const { state } of operated?.workers() ?? []) states.set(state, (states.get(state) ?? 0) + 1)
    for (const [state, value] of states) workers.push({ labels: { upstream, state }, value })
    const control = operated?.state()
    access.push({ labels: { upstream, access: control?.access ?? 'open' }, value: 1 })
    if (control?.concurrency) limits.push({ labels: { upstream }, value: control.concurrency.limit })
    breakers.push({ labels: { upstream }, value: breakerValues[control?.breaker.state ?? 'closed'] })
  }
  yield gauge('mcplex_pool_workers', 'Workers by state.', workers)
  yield gauge('mcplex_breaker_state', 'The circuit breaker: 0 closed, 1 half-open, 2 open.', breakers)
  yield gauge('mcplex_concurrency_limit', 'How many calls may run at once at an upstream that has a limit.', limits)
  yield gauge('mcplex_upstream_access', 'Whether an upstream takes calls: open, paused or disabled.', access)
}

/** Without those of upstreams that have none. */
function* ofSharedResources(overview: Overview): Generator<Metric> {
  const samples: Record<'inUse' | 'waiting' | 'oldestMs', Sample[]> = { inUse: [], waiting: [], oldestMs: [] }
  for (const [upstream, counts] of overview.upstreamCounts().slice(0, mostUpstreams)) {
    for (const [kind, figures] of Object.entries(shared)) {
      if (counts[figures.inUse] === undefined) continue
      const labels = { upstream, kind }
      samples.inUse.push({ labels, value: counts[figures.inUse] ?? 0 })
      samples.waiting.push({ labels, value: counts[figures.waiting] ?? 0 })
      samples.oldestMs.push({ labels, value: (counts[figures.oldestMs] ?? 0) / 1000 })
    }
  }
  const name = 'mcplex_shared_resource'
  yield gauge(`${name}_in_use`, 'Locks held, resources of pools in use, and limited calls that run.', samples.inUse)
  yield gauge(`${name}_waiting`, 'How many wait for one of these.', samples.waiting)
  yield gauge(`${name}_oldest_wait_seconds`, 'How long the first of those has waited.', samples.oldestMs)
}

function gauge(name: string, help: string, values: readonly Sample[]): Metric {
  return { name, help, type: 'gauge', values }
}

function one(name: string, help: string, value = 0): Metric {
  return gauge(name, help, [{ labels: {}, value }])
}
