/** The life of a call between its gates and its end: everything that observes calls hangs here. */
import { asRefusal, Refusal } from '../base/refusal.ts'
import type { Call, Outcome, Reply } from '../protocol/call.ts'
import { needsInput } from '../protocol/rounds.ts'
import type { House } from './house.ts'
import { overdue } from './inflight.ts'
import { callAsTask, isTaskOnlyCall } from './tasked.ts'

/** Runs a call. Throws a `Refusal` where mcplex itself says no; the upstream's errors are outcomes. */
export async function* serve(call: Call, house: House): Reply {
  const startedMs = house.clock.now()
  let outcome: Outcome | undefined
  let code = 'cancelled'
  try {
    const { session } = call
    const isTask = session === undefined && house.catalog.hasTaskOnly && (await isTaskOnlyCall(call, house))
    const first = yield* isTask ? callAsTask(call, house) : house.upstream.call(call)
    outcome =
      session !== undefined && needsInput(call, first) ? yield* house.rounds.goOn({ ...call, session }, first) : first
    return outcome
  } catch (error) {
    const cut = call.cancel.reason === overdue ? cutOff() : error
    code = asRefusal(cut)?.code ?? 'internal'
    throw cut
  } finally {
    house.events.emit('callEnded', {
      method: call.method,
      tool: toolOf(call),
      tenant: call.principal.tenant,
      session: call.session,
      era: call.speaker.era,
      upstreamEra: outcome?.spoken,
      status: outcome ? statusOf(outcome) : code,
      durationMs: house.clock.now() - startedMs,
      queueMs: outcome && (outcome.queueMs ?? 0),
    })
  }
}

/** A client may call for anything: a name is no longer than this in what is told of it. */
const maxName = 128

/** The name of what is called, of the methods that have one. A URI is none: it may say what it is about. */
function toolOf({ method, params }: Call): string | undefined {
  if (method !== 'tools/call' && method !== 'prompts/get') return undefined
  const name = params?.value['name']
  return typeof name === 'string' ? name.slice(0, maxName) : undefined
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
