/** All that is counted from the events of a gateway, under the names of /metrics. */
import type { EventSource } from '../../base/events.ts'
import { Tally, TimeTally } from './tally.ts'

/** Those of the OpenTelemetry conventions for MCP, in seconds. */
const operationBounds = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]

/** Sessions of agents last for hours. */
const sessionBounds = [1, 10, 60, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400]

/** How many combinations of labels a metric has at most. Names of upstreams and methods are few, and not the client's to choose. */
const most = { operations: 200, pairs: 1000, calls: 2000, upstreams: 500, words: 200 }

/** The upstream of calls that are for none, or for several. */
const noUpstream = '_none'

/** The upstream of a command line, whose events name none. */
const onlyUpstream = 'server'

export class Instruments {
  readonly serverOperations: TimeTally = new TimeTally(
    'mcp_server_operation_duration_seconds',
    ['mcp_method_name', 'error_type'],
    operationBounds,
    most.operations,
  )
  readonly clientOperations: TimeTally = new TimeTally(
    'mcp_client_operation_duration_seconds',
    ['mcplex_upstream', 'mcp_method_name'],
    operationBounds,
    most.pairs,
  )
  readonly poolWaits: TimeTally = new TimeTally(
    'mcplex_pool_wait_seconds',
    ['upstream'],
    operationBounds,
    most.upstreams,
  )
  readonly calls: Tally = new Tally(['upstream', 'method', 'status'], most.calls)
  readonly sessionAges: TimeTally = new TimeTally('mcplex_session_age_seconds', [], sessionBounds, 1)
  readonly sessionsOpened: Tally = new Tally([], 1)
  readonly sessionsClosed: Tally = new Tally(['reason'], most.words)
  readonly authDecisions: Tally = new Tally(['method', 'result', 'reason'], most.words)
  readonly refusals: Tally = new Tally(['reason'], most.words)
  readonly workerStarts: Tally = new Tally(['upstream', 'purpose'], most.pairs)
  readonly workerEnds: Tally = new Tally(['upstream', 'reason'], most.pairs)
  readonly retries: Tally = new Tally(['upstream', 'result'], most.pairs)
  readonly policyDecisions: TimeTally = new TimeTally(
    'mcplex_policy_decision_seconds',
    ['upstream', 'phase', 'result'],
    operationBounds,
    most.pairs,
  )
  readonly dropped: Tally = new Tally(['what'], most.words)

  /** Listens from now on, for as long as the gateway lives. */
  constructor(events: EventSource) {
    events.on('callEnded', ({ method, upstream = noUpstream, status, durationMs, queueMs }) => {
      this.calls.add(1, upstream, method, status)
      this.serverOperations.add(durationMs, method, errorTypeOf(status))
      if (queueMs === undefined) return
      this.poolWaits.add(queueMs, upstream)
      this.clientOperations.add(Math.max(0, durationMs - queueMs), upstream, method)
    })
    events.on('sessionOpened', () => this.sessionsOpened.add(1))
    events.on('sessionEnded', ({ reason, ageMs }) => {
      this.sessionsClosed.add(1, reason)
      this.sessionAges.add(ageMs)
    })
    events.on('authDecision', ({ method, result, reason }) => this.authDecisions.add(1, method, result, reason))
    events.on('refused', ({ code }) => this.refusals.add(1, code))
    events.on('workerStarted', ({ upstream = onlyUpstream, purpose }) => this.workerStarts.add(1, upstream, purpose))
    events.on('workerEnded', ({ upstream = onlyUpstream, reason }) => this.workerEnds.add(1, upstream, reason))
    events.on('callRetried', ({ upstream, result }) => this.retries.add(1, upstream, result))
    events.on('policyDecision', ({ upstream, phase, result, durationMs }) =>
      this.policyDecisions.add(durationMs, upstream, phase, result),
    )
    events.on('dropped', ({ what, count }) => this.dropped.add(count, what))
  }
}

/** `error.type` of the conventions; none for a call that went well. Words of refusals are in `mcplex_calls_total`. */
function errorTypeOf(status: string): string {
  if (status === 'ok') return ''
  return status === 'tool_error' || status === 'error' || status === 'cancelled' ? status : '_OTHER'
}
