/** Runs a call from its admission to its end, and reports its end: all that observes calls belongs here. */
import { type Clock, wallMs } from '../../base/clock.ts'
import type { EventSink } from '../../base/events.ts'
import { shortId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import { asRefusal, Refusal } from '../../base/refusal.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { Call, Outcome, Principal, Reply, Update } from '../../protocol/call.ts'
import type { PastCall } from '../../protocol/past-call.ts'
import { internalFault, withRequestId } from '../../protocol/error-response.ts'
import { knownMethod, unknownName } from '../../protocol/methods.ts'
import { eraInWords } from '../../protocol/revisions.ts'
import { needsInput } from '../../protocol/bridge/continuation.ts'
import type { Upstream } from '../../upstreams/upstream.ts'
import { overdue } from '../drain.ts'
import { clientName, clientVersion } from '../../sessions/live-session.ts'
import type { Continuations } from '../interaction/continuation.ts'
import type { RunningCalls, TrackedCall } from './running-calls.ts'
import { callAsTask, isTaskOnlyCall } from './task-only-tools.ts'

/** Memory of a running call besides its params, in bytes: as measured (bench/README.md), rounded. */
export const callBytes: number = 8 * 1024

/** What runs calls. */
export interface CallNeeds {
  readonly upstream: Pick<Upstream, 'call'>
  readonly catalog: Pick<Catalog, 'hasTaskOnly' | 'isTaskOnly' | 'isListed' | 'isHeldBack'>
  readonly continuations: Continuations
  readonly events: EventSink
  readonly clock: Clock
  readonly log: Log
  /** A call of a client with a session has ended. */
  readonly addToHistory: (principal: Principal, session: string, past: PastCall) => void
  /** Counts the calls that run at the endpoint. */
  readonly running: { count: number }
  /** The calls that run, of all endpoints. */
  readonly runningCalls: RunningCalls
  /** The name of the upstream that a call is for, if what it names says so. */
  readonly upstreamOf: (call: Call) => string | undefined
}

/**
 * Runs a call. The reply throws a `Refusal` for errors that mcplex itself raises; errors of the upstream are outcomes.
 * Nothing happens before its first step.
 */
export function runCall(call: Call, needs: CallNeeds): Reply {
  return new RunningCall(call, needs)
}

/**
 * The reply of the upstream, observed: its end is reported once, and a result that requires input is continued. Not a
 * generator around it, which would cost each call a promise and a turn of the queue for every step.
 */
class RunningCall implements Reply, TrackedCall {
  readonly call: Call
  startedMs = 0
  place = 0
  readonly requestId: string = shortId()
  readonly #needs: CallNeeds
  #reply: Reply | undefined
  #isContinued = false
  /** Whether it was ended before its first step. */
  #isOver = false
  #isReported = false

  constructor(call: Call, needs: CallNeeds) {
    this.call = call
    this.#needs = needs
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Update, Outcome>> {
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined as never })
    try {
      this.#reply ??= this.#begin()
    } catch (error) {
      return this.#failed(error)
    }
    return this.#reply.next().then(
      (step) => this.#stepped(step),
      (error: unknown) => this.#failed(error),
    )
  }

  async return(outcome: Outcome | PromiseLike<Outcome>): Promise<IteratorResult<Update, Outcome>> {
    const value = await outcome
    if (this.#reply === undefined) {
      this.#isOver = true
      return { done: true, value }
    }
    try {
      return await this.#reply.return(value)
    } finally {
      this.#report(undefined, 'cancelled')
    }
  }

  async throw(error: unknown): Promise<IteratorResult<Update, Outcome>> {
    await this.return(undefined as never)
    throw error
  }

  upstream(): string | undefined {
    return this.#needs.upstreamOf(this.call)
  }

  tool(): string | undefined {
    return toolOf(this.call, this.#needs.catalog)
  }

  #begin(): Reply {
    const { upstream, catalog, clock } = this.#needs
    this.startedMs = clock.now()
    this.#needs.running.count++
    this.#needs.runningCalls.add(this)
    refuseHeldBack(this.call, catalog)
    const mayBeTask = this.call.session === undefined && catalog.hasTaskOnly
    return mayBeTask ? callOrTask(this.call, this.#needs) : upstream.call(this.call)
  }

  #stepped(step: IteratorResult<Update, Outcome>): Promise<IteratorResult<Update, Outcome>> | typeof step {
    if (step.done !== true || this.#isReported) return step
    const { session } = this.call
    if (session !== undefined && !this.#isContinued && needsInput(this.call, step.value)) {
      this.#isContinued = true
      this.#reply = this.#needs.continuations.continueCall({ ...this.call, session }, step.value)
      return this.next()
    }
    this.#report(step.value, statusOf(step.value))
    return step
  }

  #failed(error: unknown): Promise<never> {
    const cut = this.call.cancel.reason === overdue ? cutOff() : error
    const refusal = asRefusal(cut) ?? internalFault(cut, this.#needs.log, this.requestId)
    this.#report(undefined, refusal.code)
    return Promise.reject(withRequestId(refusal, this.requestId))
  }

  #report(outcome: Outcome | undefined, status: string): void {
    if (this.#isReported) return
    this.#isReported = true
    const { events, clock, addToHistory, running, runningCalls } = this.#needs
    running.count--
    runningCalls.remove(this)
    const call = this.call
    const [method, tool, durationMs] = [knownMethod(call.method), this.tool(), clock.now() - this.startedMs]
    const { session } = call
    if (session !== undefined)
      addToHistory(call.principal, session, { method, tool, at: wallMs() - durationMs, durationMs, outcome: status })
    events.emit('callEnded', {
      requestId: this.requestId,
      method,
      tool,
      tenant: call.principal.tenant,
      subject: call.principal.subject,
      session,
      client: clientName(call),
      clientVersion: clientVersion(call),
      upstream: this.upstream(),
      era: eraInWords[call.client.era],
      upstreamEra: outcome && eraInWords[outcome.era],
      status,
      durationMs,
      queueMs: outcome && (outcome.queueMs ?? 0),
    })
  }
}

/** A call whose tool may be one that its server runs only as a task: that is known from its list. */
async function* callOrTask(call: Call, { upstream, catalog, clock }: CallNeeds): Reply {
  const isTask = await isTaskOnlyCall(call, catalog)
  return yield* isTask ? callAsTask(call, upstream, clock) : upstream.call(call)
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

/** Throws `invalid_params`, as for a tool that is not there, if the tool of the call is held back from all clients. */
function refuseHeldBack({ method, params }: Call, catalog: Pick<Catalog, 'isHeldBack'>): void {
  const name = method === 'tools/call' ? params?.value['name'] : undefined
  if (typeof name !== 'string' || !catalog.isHeldBack(name)) return
  throw new Refusal('invalid_params', { message: 'There is no tool of this name.' })
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
