/** Runs a call from its admission to its end, and reports it: all that observes calls belongs here. */
import type { Clock } from '../../base/clock.ts'
import type { EventSink } from '../../base/events.ts'
import { asRefusal, Refusal } from '../../base/refusal.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { Call, Outcome, Reply } from '../../protocol/call.ts'
import { knownMethod, unknownName } from '../../protocol/methods.ts'
import { eraInWords } from '../../protocol/revisions.ts'
import { needsInput } from '../../protocol/bridge/continuation.ts'
import type { Upstream } from '../../upstreams/upstream.ts'
import { overdue } from '../drain.ts'
import type { Continuations } from '../interaction/continuation.ts'
import { callAsTask, isTaskOnlyCall } from './task-only-tools.ts'

/** Memory of a running call besides its params, in bytes: as measured (bench/README.md), rounded. */
export const callBytes: number = 8 * 1024

/** What runs calls. */
export interface CallNeeds {
  readonly upstream: Pick<Upstream, 'call'>
  readonly catalog: Pick<Catalog, 'hasTaskOnly' | 'isTaskOnly' | 'isListed'>
  readonly continuations: Continuations
  readonly events: EventSink
  readonly clock: Clock
}

/** Runs a call. Throws a `Refusal` for errors that mcplex itself raises; errors of the upstream are outcomes. */
export async function* runCall(call: Call, needs: CallNeeds): Reply {
  const { upstream, catalog, clock } = needs
  const startedMs = clock.now()
  let outcome: Outcome | undefined
  let code = 'cancelled'
  try {
    const { session } = call
    const isTask = session === undefined && catalog.hasTaskOnly && (await isTaskOnlyCall(call, catalog))
    const first = yield* isTask ? callAsTask(call, upstream, clock) : upstream.call(call)
    outcome =
      session !== undefined && needsInput(call, first)
        ? yield* needs.continuations.continueCall({ ...call, session }, first)
        : first
    return outcome
  } catch (error) {
    const cut = call.cancel.reason === overdue ? cutOff() : error
    code = asRefusal(cut)?.code ?? 'internal'
    throw cut
  } finally {
    needs.events.emit('callEnded', {
      method: knownMethod(call.method),
      tool: toolOf(call, catalog),
      tenant: call.principal.tenant,
      session: call.session,
      era: eraInWords[call.client.era],
      upstreamEra: outcome && eraInWords[outcome.era],
      status: outcome ? statusOf(outcome) : code,
      durationMs: clock.now() - startedMs,
      queueMs: outcome && (outcome.queueMs ?? 0),
    })
  }
}

/** The list that names the target of a method. Resources are left out: a URI may hold private data. */
const listOf = { 'tools/call': 'tools/list', 'prompts/get': 'prompts/list' } as const

/** The tool or prompt of a call, for events. Only names that the server lists: a client may send any name. */
function toolOf(call: Call, catalog: Pick<Catalog, 'isListed'>): string | undefined {
  const { method, params } = call
  if (method !== 'tools/call' && method !== 'prompts/get') return undefined
  const name = params?.value['name']
  return typeof name === 'string' && catalog.isListed(call, listOf[method], name) ? name : unknownName
}

/**
 * The refusal of a call that outlasted the shutdown: tells the client that it may have run, before it is sent again.
 */
function cutOff(): Refusal {
  const message = 'The server is shutting down. The call was cancelled; it may have run in part.'
  return new Refusal('draining', { message, data: { executed: 'unknown' } })
}

function statusOf(outcome: Outcome): string {
  if (outcome.answer.kind === 'error') return 'error'
  return outcome.answer.result.value['isError'] === true ? 'tool_error' : 'ok'
}
