/** The life of a call between its gates and its end: everything that observes calls hangs here. */
import { asRefusal, Refusal } from '../../base/refusal.ts'
import type { Call, Outcome, Reply } from '../../protocol/call.ts'
import { knownMethod, unknownName } from '../../protocol/methods.ts'
import { eraInWords } from '../../protocol/revisions.ts'
import { needsInput } from '../../protocol/bridge/continuation.ts'
import type { GatewayServices } from '../services.ts'
import { overdue } from '../drain.ts'
import { callAsTask, isTaskOnlyCall } from './task-only-tools.ts'

/** What a call takes while it runs, besides its params: as measured (bench/README.md), rounded. In bytes. */
export const callBytes: number = 8 * 1024

/** Runs a call. Throws a `Refusal` where mcplex itself says no; the upstream's errors are outcomes. */
export async function* runCall(call: Call, services: GatewayServices): Reply {
  const startedMs = services.clock.now()
  let outcome: Outcome | undefined
  let code = 'cancelled'
  try {
    const { session } = call
    const isTask = session === undefined && services.catalog.hasTaskOnly && (await isTaskOnlyCall(call, services))
    const first = yield* isTask ? callAsTask(call, services) : services.upstream.call(call)
    outcome =
      session !== undefined && needsInput(call, first)
        ? yield* services.rounds.continueCall({ ...call, session }, first)
        : first
    return outcome
  } catch (error) {
    const cut = call.cancel.reason === overdue ? cutOff() : error
    code = asRefusal(cut)?.code ?? 'internal'
    throw cut
  } finally {
    services.events.emit('callEnded', {
      method: knownMethod(call.method),
      tool: toolOf(call, services),
      tenant: call.principal.tenant,
      session: call.session,
      era: eraInWords[call.client.era],
      upstreamEra: outcome && eraInWords[outcome.era],
      status: outcome ? statusOf(outcome) : code,
      durationMs: services.clock.now() - startedMs,
      queueMs: outcome && (outcome.queueMs ?? 0),
    })
  }
}

/** What has names of its own, by method. A URI is none: it may say what it is about. */
const listOf = { 'tools/call': 'tools/list', 'prompts/get': 'prompts/list' } as const

/** The name of what is called, of the methods that have one: as the server lists it, since a client may call for anything. */
function toolOf(call: Call, { catalog }: GatewayServices): string | undefined {
  const { method, params } = call
  if (method !== 'tools/call' && method !== 'prompts/get') return undefined
  const name = params?.value['name']
  return typeof name === 'string' && catalog.isListed(call, listOf[method], name) ? name : unknownName
}

/** A call that the shutdown could not wait for; whoever sends it again must know that it may have run. */
function cutOff(): Refusal {
  const message = 'The server is shutting down. The call was cancelled; it may have run in part.'
  return new Refusal('draining', { message, data: { executed: 'unknown' } })
}

function statusOf(outcome: Outcome): string {
  if (outcome.answer.kind === 'error') return 'error'
  return outcome.answer.result.value['isError'] === true ? 'tool_error' : 'ok'
}
