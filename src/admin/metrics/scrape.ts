/**
 * The text of /metrics, in the format of Prometheus, a few lines in each turn of the event loop: a gateway with a hundred
 * upstreams has thousands of lines. prom-client, which counts what Node and its process do, is loaded with the first scrape, or
 * when an address is opened.
 */
import type { Registry } from 'prom-client'
import type { Clock } from '../../base/clock.ts'
import { LoopTurns } from '../../base/loop-turns.ts'
import type { EventSource } from '../../base/events.ts'
import { headInText, samplesInText } from './exposition.ts'
import { Instruments } from './instruments.ts'
import { type Metric, type ReadGateway, readState } from './read-state.ts'
import type { Sample } from './tally.ts'

export interface Metrics {
  /** Loads what is needed for a scrape, and begins to watch the event loop. */
  prepare(): Promise<void>
  /** Asked while another scrape is under way, it gives the result of that one. */
  scrape(): Promise<{ readonly type: string; readonly text: string }>
}

interface Loaded {
  /** What prom-client counts itself: of the process, of Node. */
  readonly registry: Registry
}

/** How many lines are formatted before others have their turn, and how long all of it may take of one turn, in milliseconds. */
const linesAtOnce = 100
const turnMs = 3

export function createMetrics(gateway: ReadGateway & { readonly events: EventSource }, clock: Clock): Metrics {
  const instruments = new Instruments(gateway.events)
  let loaded: Promise<Loaded> | undefined
  let running: Promise<{ readonly type: string; readonly text: string }> | undefined

  const load = async (): Promise<Loaded> => {
    const { collectDefaultMetrics, Registry: PromRegistry } = await import('prom-client')
    const registry = new PromRegistry()
    collectDefaultMetrics({ register: registry })
    return { registry }
  }

  const write = async (): Promise<{ readonly type: string; readonly text: string }> => {
    const { registry } = await (loaded ??= load())
    const turns = new LoopTurns(clock, turnMs)
    const parts: string[] = []
    for (const metric of [...counted(instruments), ...readState(gateway)]) {
      parts.push(headInText(metric))
      for (const values of inParts(metric.values)) {
        if (turns.isSpent) await turns.next()
        parts.push(samplesInText(metric, values))
      }
    }
    if (turns.isSpent) await turns.next()
    parts.push(await registry.metrics())
    return { type: registry.contentType, text: parts.join('\n') }
  }

  return {
    async prepare() {
      await (loaded ??= load())
    },
    scrape: () => (running ??= write().finally(() => (running = undefined))),
  }
}

/** The values in parts of as many as are formatted at once. */
function* inParts(values: Iterable<Sample>): Generator<Sample[]> {
  let part: Sample[] = []
  for (const value of values) {
    part.push(value)
    if (part.length < linesAtOnce) continue
    yield part
    part = []
  }
  if (part.length > 0) yield part
}

/** What was counted, under the names of /metrics. */
function counted(instruments: Instruments): Metric[] {
  const { serverOperations, clientOperations, poolWaits, sessionAges, ...tallies } = instruments
  const histogram = (name: string, help: string, values: Iterable<Sample>): Metric => ({
    name,
    help,
    type: 'histogram',
    values,
  })
  const counter = (name: string, help: string, values: Iterable<Sample>): Metric => ({
    name,
    help,
    type: 'counter',
    values,
  })
  return [
    histogram(
      'mcp_server_operation_duration_seconds',
      'How long requests of clients took, with the wait for a worker.',
      serverOperations.samples(),
    ),
    histogram(
      'mcp_client_operation_duration_seconds',
      'How long workers took for them, by upstream.',
      clientOperations.samples(),
    ),
    histogram('mcplex_pool_wait_seconds', 'How long calls waited for a worker.', poolWaits.samples()),
    histogram('mcplex_session_age_seconds', 'How old sessions were at their end.', sessionAges.samples()),
    histogram(
      'mcplex_policy_decision_seconds',
      'How long a policy took to decide on a call, before it ran or after, by result.',
      tallies.policyDecisions.samples(),
    ),
    counter('mcplex_calls_total', 'Calls that have ended, by upstream, method and outcome.', tallies.calls.samples()),
    counter('mcplex_sessions_opened_total', 'Sessions that have begun.', tallies.sessionsOpened.samples()),
    counter('mcplex_sessions_closed_total', 'Sessions that have ended, by reason.', tallies.sessionsClosed.samples()),
    counter(
      'mcplex_auth_decisions_total',
      'Requests whose credentials were accepted or refused, by the reason.',
      tallies.authDecisions.samples(),
    ),
    counter(
      'mcplex_refused_total',
      'Requests that were refused before there was a call, by reason.',
      tallies.refusals.samples(),
    ),
    counter('mcplex_worker_starts_total', 'Workers that were started, by what for.', tallies.workerStarts.samples()),
    counter('mcplex_worker_ends_total', 'Workers that have ended, by the reason.', tallies.workerEnds.samples()),
    counter(
      'mcplex_retries_total',
      'Calls that ran once more after their worker had ended, by upstream and result.',
      tallies.retries.samples(),
    ),
    counter(
      'mcplex_dropped_total',
      'What was dropped, because it could not be attributed or understood.',
      tallies.dropped.samples(),
    ),
  ]
}
