/**
 * Composes the gateway: builds its modules and gives each the settings that it needs. No other file knows all modules.
 * The command and embedders use this file and nothing behind it.
 */
import type { Backplane } from '../backplane/backplane.ts'
import { createMemoryBackplane } from '../backplane/memory.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { shortId } from '../base/ids.ts'
import { createEvents } from '../base/events.ts'
import { type Log, logWith, silentLog } from '../base/log.ts'
import { createMemoryBudget } from '../base/memory-budget.ts'
import { CoarseTimers } from '../base/coarse-timers.ts'
import type { Settings } from '../config/settings.ts'
import { createAdmission } from '../admission/admission.ts'
import { createOverload } from '../admission/overload.ts'
import type { Authenticate } from '../identity/authenticate.ts'
import type { CallPolicy } from '../policy/call-policy.ts'
import { createPolicing } from '../policy/policing.ts'
import { Refusal } from '../base/refusal.ts'
import { createJournalledStreams } from '../sessions/journalled-streams.ts'
import { createSessions } from '../sessions/sessions.ts'
import { createToolStates } from '../sessions/tool-states.ts'
import type { BreakerState, BreakerWord, ControlState, UpstreamOperations } from '../upstreams/control/operations.ts'
import { UpstreamControl } from '../upstreams/control/upstream-control.ts'
import { RateLimits } from '../tenants/rate-limits.ts'
import { TenantUse } from '../tenants/tenant-use.ts'
import { byTenant } from '../protocol/fairness.ts'
import { UpstreamStartError } from '../upstreams/upstream.ts'
import { createPendingInput } from './interaction/pending-input.ts'
import { admit } from './admit.ts'
import { createCallerIdentity } from './caller-identity.ts'
import { createClientMemory } from './client-memory.ts'
import { upstreamCreator } from './create-upstream.ts'
import { gatewayFacts, type GatewayFacts, type GatewayState, healthReport } from './health.ts'
import { dispatch, type DispatchNeeds } from './dispatch.ts'
import { createDrain } from './drain.ts'
import type { Gateway } from './gateway-port.ts'
import { LateStarts } from './late-starts.ts'
import type { Endpoint, SharedServices } from './endpoint.ts'
import { Endpoints } from './endpoints.ts'
import type { CallerGateNeeds } from './request-gates.ts'
import { RunningCalls } from './calls/running-calls.ts'
import { callerOf } from './legacy/notifications.ts'
import { expiredText, pingText } from './legacy/notices.ts'
import { createSseSessions } from './legacy/http-sse-sessions.ts'
import { createOverview, type Overview } from './overview.ts'
import { SuspendedCalls } from './interaction/suspended-calls.ts'
import { type QueueFill, queueFills, watchPressure } from './pressure.ts'
import { createReload, type ReloadReport } from './reload.ts'
import { ServedUpstreams } from './served-upstreams.ts'
import type { TransportServices } from './transport-services.ts'
import { isUnnamed, type UpstreamState, upstreamStates } from './upstream-states.ts'

export type {
  BreakerState,
  BreakerWord,
  ControlState,
  Gateway,
  GatewayFacts,
  Overview,
  ReloadReport,
  TransportServices,
  UpstreamOperations,
  UpstreamState,
}
export { ReloadError } from './reload-error.ts'
export { UpstreamsStartError } from './start-error.ts'
export { CommandStartError } from '../upstreams/stdio/command-start-error.ts'
export { isOfModule } from '../upstreams/module/module-faults.ts'
export { UpstreamStartError } from '../upstreams/upstream.ts'

export interface GatewayParts {
  readonly settings: Settings
  readonly log?: Log
  readonly clock?: Clock
  readonly backplane?: Backplane
  /** Whether all requests come from one client, so that its requests of both eras may share state. */
  readonly hasOneClient?: boolean
  /** Finds the principal of each request, instead of the settings `auth`. */
  readonly authenticate?: Authenticate
  /** Decides on calls and their results, instead of the settings `policy`. */
  readonly policy?: CallPolicy
}

/** Clients whose streams are ended by a drain are told to reconnect after this time. */
const reconnectMs = 1000

export function composeGateway(needs: GatewayParts): Gateway<Settings> {
  const { settings, log = silentLog, clock = systemClock, hasOneClient = false } = needs
  const { limits } = settings
  const memory = createMemoryBudget(limits.memoryBytes)
  const backplane = needs.backplane ?? createMemoryBackplane({ clock, memory })
  const events = createEvents()
  const timers = new CoarseTimers(clock)
  const suspended = new SuspendedCalls({ timers, clock, ...settings.sessions })
  const lateStarts = new LateStarts(log, events, clock)
  const inForce = { settings }
  const isNamed = (): boolean => !isUnnamed(inForce.settings)
  const logOf = (upstream: string): Log => (isNamed() ? logWith(log, { upstream }) : log)
  const tenantUse = new TenantUse(settings.tenants)
  const fairness = byTenant((tenant) => tenantUse.weightOf(tenant), tenantUse.waits)
  const create = upstreamCreator({
    ...{ limits, fairness, tenantUse },
    sessionServices: () => ({ states: toolStates, sessions }),
    hasOneClient,
    isNamed,
    isUnderLoad: () => overload.isOff('background_work'),
    endSuspendedCalls: (wanted, upstream) =>
      suspended.endSilent(wanted, (suspendable) => endpoints.mayBeAt(upstream, suspendable)),
    memory,
    clock,
    log,
    events,
  })
  const upstreams = new ServedUpstreams({
    settings,
    create,
    createControl: (own) => new UpstreamControl({ ...own, queue: limits.queue, clock, log: logOf(own.name), events }),
    ...{ limits, fairness },
    runAsAllowed: createPolicing({ settings: settings.policy, policy: needs.policy, clock, events, log }),
    listWaitMs: limits.upstreamWaitMs,
    clock,
    log,
    changed: (served) => [endpoints, lateStarts].forEach((one) => one.changed(served)),
  })
  const keeping = { journals: backplane.journals, settings: settings.sessions, memory, timers, clock }
  const streams = createJournalledStreams({ ...keeping, expiredText })
  const sessions = createSessions({
    backplane,
    memory,
    settings: settings.sessions,
    clock,
    events,
    createOutput: (liveSession) => streams.createOutput(liveSession),
    ping: ({ output }) => output.send(pingText()),
    onEnd(liveSession) {
      const { endpoint, principal } = liveSession.session
      endpoints.find(endpoint, principal.tenant)?.upstream.endSession(callerOf(liveSession))
      void toolStates.end(liveSession)
    },
  })
  const toolStates = createToolStates({
    records: backplane.records,
    served: (principal, session) => sessions.served(principal, session),
    ...settings.sessions,
  })
  const sseSessions = createSseSessions({ ...keeping, sessions })
  const identity = createCallerIdentity({ parts: needs, sessions, clock, log, events })
  const drain = createDrain(clock)
  const rateLimits = new RateLimits(settings.tenants, { clock, log })
  const admission = createAdmission(
    settings.limits,
    clock,
    (wanted) => void sessions.evictIdle(wanted - sseSessions.evictIdle(wanted)),
    fairness,
  )
  const queues = (): QueueFill[] => queueFills(limits.queue, admission.waiting, upstreams.all)
  const overload = createOverload({
    settings: settings.limits,
    // A client over pipes has nowhere else to go.
    pressure: hasOneClient ? undefined : () => watchPressure(queues),
    mostCalls: () => Array.from(sessions.all(), ({ calls }) => calls).reduce((most, calls) => Math.max(most, calls), 0),
    relieve: () => memory.relieve(memory.heldBytes / 4),
    clock,
    events,
    log,
  })
  // Unique among session ids and among the calls of all instances.
  const clientKeys = `call/${shortId()}/`
  let clientsWithoutSession = 0
  const startedMs = clock.now()
  const runningCalls = new RunningCalls()
  let started: Promise<GatewayFacts> | undefined
  let closing: Promise<void> | undefined

  const shared: SharedServices = {
    settings,
    backplane,
    sessions,
    identity,
    sseSessions,
    admission,
    drain,
    overload,
    rateLimits,
    tenantUse,
    pendingInput: createPendingInput(timers, settings.sessions.answerTimeoutMs),
    suspended,
    runningCalls,
    clientMemory: createClientMemory(memory),
    nextClientKey: () => `${clientKeys}${++clientsWithoutSession}`,
    timers,
    events,
    clock,
    log,
  }
  const endpoints = new Endpoints({ settings, upstreams, shared, memory })
  const callerGates: CallerGateNeeds<Endpoint> = { ...identity, endpoints }
  const dispatchNeeds: DispatchNeeds = { admit: (request) => admit(request, callerGates), events, log }

  const state = (): GatewayState => ({
    draining: drain.draining,
    refusesWork: overload.isOff('new_work'),
    uptimeMs: clock.now() - startedMs,
    memory: { heldBytes: memory.heldBytes, limitBytes: memory.limitBytes },
    counts: {
      sessions: sessions.count,
      streams: streams.open + sseSessions.count,
      calls: drain.count,
      clients: admission.held,
      waitingClients: admission.waiting + endpoints.waiting,
      oldestClientWaitMs: admission.oldestWaitMs,
      suspendedCalls: suspended.count,
      overloadStep: overload.step,
      loopDelayMs: Math.round(overload.loopDelayMs),
      ...upstreams.counts(),
      ...identity.counts(),
      ...(log.lost !== undefined && { lostLogLines: log.lost }),
    },
  })

  const closed = (): UpstreamStartError =>
    new UpstreamStartError('the gateway was closed before its server had started')

  const begin = async (): Promise<GatewayFacts> => {
    if (closing) throw closed()
    try {
      await upstreams.start((serverDescription) => {
        // With several clients, the stateless era may be refused if the server speaks the session-based era too.
        if (hasOneClient) endpoints.discovered(serverDescription)
      })
      if (closing) throw closed()
      return lateStarts.reported(await gatewayFacts(upstreams.all, clock.now() - startedMs), upstreams)
    } catch (error) {
      if (closing) throw closed()
      endpoints.refuseWaiting(new Refusal('upstream_unavailable'))
      void close(false)
      throw error
    }
  }

  const reloads = createReload({
    inForce,
    upstreams,
    endpoints,
    sessions,
    identity,
    rateLimits,
    tenantUse,
    log,
    started: () => started,
  })

  const close = (isForced: boolean): Promise<void> => {
    if (isForced) void upstreams.close({ force: true })
    closing ??= (async () => {
      reloads.close()
      identity.close()
      lateStarts.close()
      overload.close()
      endpoints.refuseWaiting(new Refusal('draining'))
      drain.drain(0).catch(() => undefined)
      sseSessions.release()
      await sessions.close()
      endpoints.release()
      await upstreams.close()
      timers.close()
      await backplane.close()
    })()
    return closing
  }

  return {
    events,
    overview: createOverview({ ...shared, identity, inForce, upstreams, endpoints, state, limits }),
    transportServices: { http: settings.http, slowReaderMs: settings.sessions.slowReaderMs, clock, log, memory },
    start: () => (started ??= begin()),
    reload: (next) => reloads.reload(next),
    replaceUpstreams: (names) => reloads.replace(names),
    handle: (inbound) => identity.metadata(inbound) ?? dispatch(inbound, dispatchNeeds),
    get callsInFlight() {
      return drain.count
    },
    acceptDefinitions: (name, hashes) => upstreams.get(name)?.catalog.acceptDefinitions(hashes),
    operations: (name) => upstreams.operations(name),
    upstreamStates: () => upstreamStates(upstreams.all),
    health: (reader) => healthReport(state(), upstreams.all, { ...needs, ...inForce, isNamed, reader }, clock),
    async drain() {
      reloads.close()
      endpoints.refuseWaiting(new Refusal('draining'))
      const drained = drain.drain(settings.http.drainMs)
      for (const { control } of upstreams.all) control.drain()
      admission.close()
      await drained
      streams.release(reconnectMs)
      sseSessions.release()
    },
    close: (how) => close(how?.force === true),
  }
}
