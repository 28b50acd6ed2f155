/**
 * What belongs to one endpoint: an upstream with its catalogue, which may be several as one, its gates, and the parts that
 * answer its requests. All else is shared by the endpoints of a gateway.
 *
 * An endpoint is never changed: if other upstreams take the place of its own, another endpoint takes its place. What lasts
 * beyond that is in `LastingParts`, and sessions belong to the name of their endpoint.
 */
import type { Admission } from '../admission/admission.ts'
import type { Overload } from '../admission/overload.ts'
import type { Backplane } from '../backplane/backplane.ts'
import type { Clock } from '../base/clock.ts'
import type { CoarseTimers } from '../base/coarse-timers.ts'
import type { EventSink } from '../base/events.ts'
import type { Log } from '../base/log.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Settings } from '../config/settings.ts'
import type { Call, ClientKey, Reply } from '../protocol/call.ts'
import type { NamedByRequest } from '../router/target.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { RateLimits } from '../tenants/rate-limits.ts'
import type { TenantUse } from '../tenants/tenant-use.ts'
import type { Upstream } from '../upstreams/upstream.ts'
import { admitMessage, type AdmitNeeds } from './admit.ts'
import { type Answers, createAnswers } from './answers.ts'
import type { CallerIdentity } from './caller-identity.ts'
import { type CallNeeds, runCall } from './calls/run-call.ts'
import type { RunningCalls } from './calls/running-calls.ts'
import type { ClientMemory } from './client-memory.ts'
import { createDrain, type Drain } from './drain.ts'
import type { OperationOf } from './charged-operations.ts'
import { createContinuations } from './interaction/continuation.ts'
import type { PendingInput } from './interaction/pending-input.ts'
import { createRequestStateCodec, type RequestStateCodec } from './interaction/request-state.ts'
import type { SuspendedCalls } from './interaction/suspended-calls.ts'
import type { SseSessions } from './legacy/http-sse-sessions.ts'
import { createSessionNotifications } from './legacy/notifications.ts'
import { MovableSubscriptions } from './movable-subscriptions.ts'
import { upstreamBehind } from './placed-call.ts'
import { createStartWait, type StartRoom, type StartWait } from './wait-for-start.ts'

/** What all endpoints of a gateway share. */
export interface SharedServices {
  readonly settings: Pick<Settings, 'http' | 'limits' | 'sessions'>
  readonly backplane: Pick<Backplane, 'records'>
  readonly sessions: Sessions
  readonly identity: Pick<CallerIdentity, 'checkScopes'>
  readonly sseSessions: SseSessions
  readonly admission: Admission
  readonly drain: Drain
  readonly overload: Overload
  readonly pendingInput: PendingInput
  readonly suspended: SuspendedCalls
  readonly runningCalls: RunningCalls
  readonly rateLimits: RateLimits
  readonly tenantUse: TenantUse
  readonly clientMemory: ClientMemory
  readonly nextClientKey: () => ClientKey
  readonly timers: CoarseTimers
  readonly events: EventSink
  readonly clock: Clock
  readonly log: Log
}

/** What is behind an endpoint. */
export interface Behind {
  readonly upstream: Upstream
  readonly catalog: Catalog
  /** The name of the upstream that a call is for, if what it names says so. */
  memberOf(call: Pick<Call, 'method' | 'params'>): string | undefined
  /** The same with the tool or prompt that it names. */
  targetOf(call: Pick<Call, 'method' | 'params'>): NamedByRequest
}

/** What an endpoint keeps although other upstreams take the place of its own. */
export interface LastingParts {
  /** Its name, which is the last part of its path; empty for the endpoint of all upstreams. */
  readonly name: string
  readonly startWait: StartWait
  /** Of its own, so that no other endpoint opens what it has sealed. */
  readonly requestState: RequestStateCodec
  readonly subscriptions: MovableSubscriptions
  /** Ends the streams of `subscriptions/listen`: the endpoint is gone. */
  readonly end: () => void
  /** That of the gateway, for which the end of the endpoint counts as well. */
  readonly drain: Pick<Drain, 'enter' | 'draining' | 'onDrain'>
}

export interface Endpoint extends Behind {
  readonly lasting: LastingParts
  readonly admitNeeds: AdmitNeeds
  readonly answers: Answers
  /** How many of its calls run. */
  readonly calls: number
}

/** @param starting how long the start of its upstreams may take, and the room for requests that wait for it */
export function createLastingParts(
  name: string,
  { upstream }: Behind,
  starting: { readonly startTimeoutMs: number; readonly startRoom: StartRoom },
  { settings, clock, drain }: Pick<SharedServices, 'settings' | 'clock' | 'drain'>,
): LastingParts {
  const own = createDrain(clock)
  return {
    name,
    startWait: createStartWait({ queue: settings.limits.queue, ...starting, clock }),
    requestState: createRequestStateCodec(clock, settings.sessions.answerTimeoutMs),
    subscriptions: new MovableSubscriptions(upstream),
    end: () => void own.drain(0),
    drain: {
      enter: (cancel) => drain.enter(cancel),
      get draining() {
        return drain.draining || own.draining
      },
      onDrain(listener) {
        const stops = [drain.onDrain(listener), own.onDrain(listener)]
        return () => stops.forEach((stop) => stop())
      },
    },
  }
}

export function createEndpoint(
  lasting: LastingParts,
  behind: Behind,
  shared: SharedServices,
  operationOf: OperationOf,
): Endpoint {
  const { upstream, catalog } = behind
  const { settings, backplane, clock, timers, events, log, sessions, sseSessions, pendingInput, drain } = shared
  const { startWait, requestState, subscriptions } = lasting
  const { clientMemory, admission, suspended, nextClientKey, overload } = shared
  const admitNeeds: AdmitNeeds = {
    offersHttpSse: settings.http.sse,
    limits: settings.limits,
    startWait,
    identity: shared.identity,
    sessions,
    sseSessions,
    requestState,
    drain,
    overload,
    rateLimits: shared.rateLimits,
    tenantUse: shared.tenantUse,
    operationOf,
    catalog,
    admission,
    clientMemory,
    clock,
  }
  const continuations = createContinuations({ upstream, records: backplane.records, clock, ...settings.sessions })
  const running = { count: 0 }
  const callNeeds: CallNeeds = {
    upstream,
    catalog,
    continuations,
    events,
    clock,
    running,
    log,
    runningCalls: shared.runningCalls,
    upstreamOf: (call) => behind.memberOf(call),
    addToHistory: (principal, session, past) => sessions.served(principal, session)?.addToHistory(past),
  }
  const common = { runCall: (call: Call): Reply => runCall(call, callNeeds), catalog, timers, events, log }
  const sessionNotifications = createSessionNotifications({ upstream: subscriptions, pendingInput })
  const answers = createAnswers(
    { ...common, endpoint: lasting.name, upstream, sessions, sseSessions, pendingInput, sessionNotifications },
    {
      ...common,
      endpoint: lasting.name,
      upstream: subscriptions,
      clock,
      drain: lasting.drain,
      suspended,
      requestState,
      clientMemory,
      nextClientKey,
      sessionSettings: settings.sessions,
      runPlacedCall: (call, pending) =>
        runCall(call, { ...callNeeds, upstream: upstreamBehind(pending, upstream, clock) }),
    },
    (request) => admitMessage(request, admitNeeds),
  )
  return {
    upstream,
    catalog,
    memberOf: (call) => behind.memberOf(call),
    targetOf: (call) => behind.targetOf(call),
    lasting,
    admitNeeds,
    answers,
    get calls() {
      return running.count
    },
  }
}
