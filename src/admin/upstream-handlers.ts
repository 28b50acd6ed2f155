/** What the operations on upstreams do. */
import { sessionLabel } from '../base/ids.ts'
import { terminalSafeLine } from '../base/terminal-safe.ts'
import type { BreakerState, ControlState, Gateway, UpstreamOperations, UpstreamState } from '../gateway/gateway.ts'
import { acceptDefinitions, type AcceptingGateway } from './accept-definitions.ts'
import { AdminError } from './admin-error.ts'
import type {
  ApiBreaker,
  ApiConcurrency,
  ApiUpstream,
  ApiUpstreamChange,
  ApiWorker,
  UpstreamStateName,
} from './answers.ts'
import type { EndedWorkers } from './ended-workers.ts'
import { breakerWords } from './api.ts'
import type { ApiRequest, Handlers } from './api-request.ts'

export type OperatedUpstreams = Pick<Gateway, 'operations'> & AcceptingGateway

const most = { held: 100, reasonChars: 200 }

type UpstreamHandlers = Pick<
  Handlers,
  | 'upstreams'
  | 'workers'
  | 'pauseUpstream'
  | 'resumeUpstream'
  | 'disableUpstream'
  | 'enableUpstream'
  | 'setBreaker'
  | 'recycleUpstream'
  | 'acceptDefinitions'
>

export function createUpstreamHandlers(gateway: OperatedUpstreams, endedWorkers: EndedWorkers): UpstreamHandlers {
  /** @throws AdminError 404 */
  const operated = ({ segments: { upstream = '' } }: ApiRequest): readonly [string, UpstreamOperations] => {
    const operations = gateway.operations(upstream)
    if (operations) return [upstream, operations]
    throw noUpstream(upstream)
  }

  const changed = (name: string, operations: UpstreamOperations, isChanged: boolean): ApiUpstreamChange => {
    const { access, resumesInMs, waiting } = operations.state()
    return { upstream: name, changed: isChanged, access, resumesInMs, waiting }
  }

  return {
    async upstreams() {
      const states = await gateway.upstreamStates()
      return {
        upstreams: states.map((state) => {
          return { ...upstreamOf(state, gateway.operations(state.name)), ended: endedWorkers.of(state.name) }
        }),
      }
    },
    async workers({ counts: { limit = 0, offset = 0 }, texts: { upstream } }) {
      const names = (await gateway.upstreamStates()).map(({ name }) => name)
      if (upstream !== undefined && !names.includes(upstream)) throw noUpstream(upstream)
      const all = names
        .filter((name) => upstream === undefined || name === upstream)
        .flatMap((name) => (gateway.operations(name)?.workers() ?? []).map((facts) => ({ name, facts })))
      return {
        total: all.length,
        workers: all.slice(offset, offset + limit).map(({ name, facts }) => workerOf(name, facts)),
      }
    },
    pauseUpstream(request) {
      const [name, operations] = operated(request)
      operations.pause(request.counts['forMs'] ?? 0)
      return changed(name, operations, true)
    },
    resumeUpstream(request) {
      const [name, operations] = operated(request)
      const wasPaused = operations.state().resumesInMs !== undefined
      operations.resume()
      return changed(name, operations, wasPaused)
    },
    disableUpstream(request) {
      const [name, operations] = operated(request)
      const wasDisabled = operations.state().access === 'disabled'
      operations.disable()
      return changed(name, operations, !wasDisabled)
    },
    enableUpstream(request) {
      const [name, operations] = operated(request)
      const wasDisabled = operations.state().access === 'disabled'
      operations.enable()
      return changed(name, operations, wasDisabled)
    },
    setBreaker(request) {
      const [name, operations] = operated(request)
      const word = breakerWords.find((one) => one === request.texts['state'])
      if (!word) throw new AdminError(400, 'bad_request', 'There is no such state of a breaker.')
      const before = operations.state().breaker
      const { breaker } = operations.breaker(word)
      const isChanged = before.isForced !== breaker.isForced || before.state !== breaker.state
      return { upstream: name, changed: isChanged, breaker: breakerOf(breaker) }
    },
    recycleUpstream(request) {
      const [name, operations] = operated(request)
      const workers = operations.workers().flatMap(({ worker, state }) => (state === 'ended' ? [] : (worker ?? [])))
      // It resolves when they have ended, which may take as long as their calls do.
      void operations.recycle()
      return { upstream: name, workers }
    },
    async acceptDefinitions({ segments: { upstream = '' }, texts: { hash } }) {
      const result = await acceptDefinitions(gateway, upstream, hash)
      if ('accepted' in result) return { upstream, accepted: result.accepted, tools: result.tools }
      if (result.fault === 'no upstream') throw noUpstream(upstream)
      if (result.fault === 'no definition')
        throw new AdminError(
          404,
          'definition_unknown',
          `${upstream} holds back no definition whose hash begins with ${hash}.`,
        )
      const message = `${upstream} holds back several definitions whose hash begins with ${hash}: ${result.hashes.join(', ')}.`
      throw new AdminError(409, 'definition_ambiguous', message)
    },
  }
}

function breakerOf({ state, isForced, retryInMs }: BreakerState): ApiBreaker {
  return { state, forced: isForced, retryInMs: retryInMs === undefined ? undefined : Math.ceil(retryInMs) }
}

type ConcurrencyState = NonNullable<ReturnType<UpstreamOperations['state']>['concurrency']>

function concurrencyOf({ limit, isAdaptive, running }: ConcurrencyState): ApiConcurrency {
  return { limit, adaptive: isAdaptive, running }
}

function noUpstream(name: string): AdminError {
  return new AdminError(404, 'upstream_unknown', `There is no upstream ${name}.`)
}

const closedBreaker: ApiBreaker = { state: 'closed', forced: false }

function upstreamOf(state: UpstreamState, operations: UpstreamOperations | undefined): Omit<ApiUpstream, 'ended'> {
  const { name, kind, reason, sinceMs, tools, counts, sharedResources, held } = state
  const control = operations?.state()
  const workers: Record<string, number> = {}
  for (const worker of operations?.workers() ?? []) workers[worker.state] = (workers[worker.state] ?? 0) + 1
  return {
    name,
    kind,
    state: stateName(state, control?.access),
    why: reason === undefined ? undefined : terminalSafeLine(reason, most.reasonChars),
    since: new Date(since(sinceMs, control)).toISOString(),
    resumesInMs: control?.resumesInMs,
    breaker: control ? breakerOf(control.breaker) : closedBreaker,
    concurrency: control?.concurrency && concurrencyOf(control.concurrency),
    tools,
    workers,
    calls: counts['workerCalls'] ?? 0,
    waiting: (counts['waitingCalls'] ?? 0) + (control?.waiting ?? 0),
    oldestWaitMs: Math.max(counts['oldestWaitMs'] ?? 0, control?.oldestWaitMs ?? 0),
    counts: { ...counts },
    sharedResources: sharedResources.map((one) => ({ ...one, name: terminalSafeLine(one.name, most.reasonChars) })),
    held: held
      .slice(0, most.held)
      .map(({ tool, hash, change, differs }) => ({ tool, hash, change, differs: [...differs] })),
    more: Math.max(0, held.length - most.held),
  }
}

/** A pause covers what is behind it; when it is over, what is behind it is shown from that moment on. */
function since(stateMs: number, control: ControlState | undefined): number {
  if (!control) return stateMs
  return control.access === 'open' ? Math.max(stateMs, control.accessSinceMs) : control.accessSinceMs
}

function stateName(
  { standing, ok }: UpstreamState,
  access: 'open' | 'paused' | 'disabled' | undefined,
): UpstreamStateName {
  if (access === 'paused' || access === 'disabled') return access
  return standing === 'started' ? (ok ? 'ready' : 'unhealthy') : standing
}

function workerOf(upstream: string, facts: ReturnType<UpstreamOperations['workers']>[number]): ApiWorker {
  const { worker, state, purpose, isReplaced, pid, memoryBytes, ageMs, calls, callsInFlight, session } = facts
  return {
    upstream,
    worker,
    state,
    purpose,
    replaced: isReplaced,
    pid,
    memoryBytes,
    ageMs: Math.max(0, Math.round(ageMs)),
    calls: callsInFlight,
    callsTotal: calls,
    session: session === undefined ? undefined : sessionLabel(session),
  }
}
