/**
 * Composes the gateway: builds its modules and gives each the settings that it needs. No other file knows all modules.
 * The command and embedders use this file and nothing behind it.
 */
import type { AcceptedDefinitions } from '../catalog/definitions.ts'
import type { Backplane } from '../backplane/backplane.ts'
import { createMemoryBackplane } from '../backplane/memory.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { shortId } from '../base/ids.ts'
import { createEvents, type EventSource } from '../base/events.ts'
import { type Log, silentLog } from '../base/log.ts'
import { createMemoryBudget } from '../base/memory-budget.ts'
import { CoarseTimers } from '../base/coarse-timers.ts'
import type { PartialSettings, Settings } from '../config/settings.ts'
import { createAdmission } from '../admission/admission.ts'
import { acceptWithoutCredentials, type Authenticate } from '../identity/authenticate.ts'
import type { HealthReport } from '../protocol/health.ts'
import type { Inbound, Outbound } from '../protocol/inbound.ts'
import { Refusal } from '../base/refusal.ts'
import { createJournalledStreams } from '../sessions/journalled-streams.ts'
import { createSessions } from '../sessions/sessions.ts'
import { createToolStates } from '../sessions/tool-states.ts'
import { UpstreamStartError } from '../upstreams/upstream.ts'
import { createPendingInput } from './interaction/pending-input.ts'
import { admit } from './admit.ts'
import { createClientMemory } from './client-memory.ts'
import { upstreamCreator } from './create-upstream.ts'
import { gatewayFacts, type GatewayFacts, type GatewayState, healthReport } from './health.ts'
import { dispatch, type DispatchNeeds } from './dispatch.ts'
import { createDrain } from './drain.ts'
import { LateStarts } from './late-starts.ts'
import type { Endpoint, SharedServices } from './endpoint.ts'
import { Endpoints } from './endpoints.ts'
import type { CallerGateNeeds } from './request-gates.ts'
import { callerOf } from './legacy/notifications.ts'
import { expiredText, pingText } from './legacy/notices.ts'
import { createSseSessions } from './legacy/http-sse-sessions.ts'
import { SuspendedCalls } from './interaction/suspended-calls.ts'
import { createReload, type ReloadReport } from './reload.ts'
import { ServedUpstreams } from './served-upstreams.ts'
import type { TransportServices } from './transport-services.ts'
import { isUnnamed, type UpstreamState, upstreamStates } from './upstream-states.ts'

export type { GatewayFacts, ReloadReport, TransportServices, UpstreamState }
export { ReloadError } from './reload-error.ts'
export { UpstreamsStartError } from './start-error.ts'
export { CommandStartError } from '../upstreams/stdio/command-start-error.ts'
export { isOfModule } from '../upstreams/module/module-faults.ts'
export { UpstreamStartError } from '../upstreams/upstream.ts'

/** @typeParam Given the settings that `reload` takes: those of a program, or complete ones where they are filled by the caller */
export interface Gateway<Given = PartialSettings> {
  /**
   * Starts the upstream and detects what it offers. A second call returns the promise of the first.
   * Throws `UpstreamStartError`, also if the gateway is closed before or meanwhile; a start that fails closes the
   * gateway.
   */
  start(): Promise<GatewayFacts>
  /**
   * Takes over other settings while requests are served. Upstreams with the same settings stay as they are. The others are
   * started first, then all changes at once; upstreams that have lost their place get no new calls, and end when they have
   * none any more, at the latest after `http.drainMs`. Sessions and their subscriptions are kept, except those of endpoints
   * that are gone, and clients are told that lists have changed. Settings of other modules take effect in a new process
   * only; the report names those that differ. A newer reload takes the place of one whose upstreams are still being started.
   * @throws ConfigError, or ReloadError if an upstream cannot be started, a newer reload has taken its place, or the gateway
   * does not run: nothing is changed then
   */
  reload(settings: Given): Promise<ReloadReport>
  /**
   * Replaces upstreams by new ones with the same settings, as `reload` does with those that have changed: a module is
   * loaded again, as its file is now. Names without an upstream are ignored; the report tells those that were replaced.
   * It goes before other reloads whose upstreams are still being started.
   * @param upstreams their names
   * @throws ReloadError if one of them cannot be started, they are replaced once more meanwhile, or the gateway does not
   * run: nothing is changed then
   */
  replaceUpstreams(upstreams: readonly string[]): Promise<ReloadReport>
  /** Answers one exchange on an MCP endpoint. Never rejects. */
  handle(inbound: Inbound): Promise<Outbound>
  /** Reports the health. Pings the server unless it has just shown a sign of life. */
  health(): Promise<HealthReport>
  /**
   * Refuses new work, waits for calls in flight as long as the settings say, then ends streams and tells clients when
   * to reconnect.
   */
  drain(): Promise<void>
  /**
   * Ends sessions and streams at once, and each process in steps: its input is closed, SIGTERM follows 2 s later,
   * SIGKILL 3 s after that. Resolves when no process is left. With `force`, SIGKILL is sent at once, also while an
   * earlier close is under way.
   */
  close(how?: { readonly force?: boolean }): Promise<void>
  /**
   * Accepts the definitions of tools that are held back at an upstream (`onChange: hold`); its clients are told that the
   * tools have changed.
   * @param hashes only those with these hashes; undefined for all
   * @returns what was accepted; undefined if there is no upstream of that name
   */
  acceptDefinitions(upstream: string, hashes?: ReadonlySet<string>): AcceptedDefinitions | undefined
  /** What is known of each upstream now. Never rejects. */
  upstreamStates(): Promise<readonly UpstreamState[]>
  /** How many calls are in flight. */
  readonly callsInFlight: number
  readonly events: EventSource
  /** For what carries requests here: `nodeHandler`, `fetchHandler` and the transports of the command read it. */
  readonly transportServices: TransportServices
}

export interface GatewayParts {
  readonly settings: Settings
  readonly log?: Log
  readonly clock?: Clock
  readonly backplane?: Backplane
  /** Whether all requests come from one client, so that its requests of both eras may share state. */
  readonly hasOneClient?: boolean
  /** Finds the principal of each request; by default requests need no credentials. */
  readonly authenticate?: Authenticate
}

/** Clients whose streams are ended by a drain are told to reconnect after this time. */
const reconnectMs = 1000

export function composeGateway(needs: GatewayParts): Gateway<Settings> {
  const { settings, log = silentLog, clock = systemClock, hasOneClient = false } = needs
  const memory = createMemoryBudget(settings.limits.memoryBytes)
  const backplane = needs.backplane ?? createMemoryBackplane({ clock, memory })
  const events = createEvents()
  const timers = new CoarseTimers(clock)
  const suspended = new SuspendedCalls({ timers, clock, ...settings.sessions })
  const lateStarts = new LateStarts(log, events)
  const inForce = { settings }
  const isNamed = (): boolean => !isUnnamed(inForce.settings)
  const create = upstreamCreator({
    limits: settings.limits,
    sessionServices: () => ({ states: toolStates, sessions }),
    hasOneClient,
    isNamed,
    endSuspendedCalls: (wanted, upstream) =>
      suspended.endSilent(wanted, (suspendable) => endpoints.mayBeAt(upstream, suspendable)),
    memory,
    clock,
    log,
    events,
  })
  const upstreams = new ServedUpstreams({
    setups: settings.upstreams,
    create,
    clock,
    log,
    changed: (served) => [endpoints, lateStarts].forEach((one) => one.changed(served)),
  })
  const streams = createJournalledStreams({
    journals: backplane.journals,
    settings: settings.sessions,
    memory,
    timers,
    clock,
    expiredText,
  })
  const sessions = createSessions({
    backplane,
    memory,
    settings: settings.sessions,
    clock,
    events,
    createOutput: (liveSession) => streams.createOutput(liveSession),
    ping: ({ output }) => output.send(pingText()),
    onEnd(liveSession) {
      endpoints.find(liveSession.session.endpoint)?.upstream.endSession(callerOf(liveSession))
      void toolStates.end(liveSession)
    },
  })
  const toolStates = createToolStates({
    records: backplane.records,
    served: (principal, session) => sessions.served(principal, session),
    ...settings.sessions,
  })
  const sseSessions = createSseSessions({ sessions, memory, settings: settings.sessions, timers, clock })
  const drain = createDrain(clock)
  const admission = createAdmission(
    settings.limits,
    clock,
    (wanted) => void sessions.evictIdle(wanted - sseSessions.evictIdle(wanted)),
  )
  // Unique among session ids and among the calls of all instances.
  const clientKeys = `call/${shortId()}/`
  let clientsWithoutSession = 0
  const startedMs = clock.now()
  let started: Promise<GatewayFacts> | undefined
  let closing: Promise<void> | undefined

  const shared: SharedServices = {
    settings,
    backplane,
    sessions,
    sseSessions,
    admission,
    drain,
    pendingInput: createPendingInput(timers, settings.sessions.answerTimeoutMs),
    suspended,
    clientMemory: createClientMemory(memory),
    nextClientKey: () => `${clientKeys}${++clientsWithoutSession}`,
    timers,
    events,
    clock,
    log,
  }
  const endpoints = new Endpoints({ settings, upstreams, shared, memory })
  const callerGates: CallerGateNeeds<Endpoint> = {
    authenticate: needs.authenticate ?? acceptWithoutCredentials,
    endpoints,
  }
  const dispatchNeeds: DispatchNeeds = { admit: (request) => admit(request, callerGates), events, log }

  const state = (): GatewayState => ({
    draining: drain.draining,
    uptimeMs: clock.now() - startedMs,
    memory: { heldBytes: memory.heldBytes, limitBytes: memory.limitBytes },
    counts: {
      sessions: sessions.count,
      streams: streams.open + sseSessions.count,
      calls: drain.count,
      clients: admission.held,
      waitingClients: admission.waiting + endpoints.waiting,
      suspendedCalls: suspended.count,
      ...upstreams.counts(),
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
      return lateStarts.reported(await gatewayFacts(upstreams.all, clock.now() - startedMs), upstreams.all)
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
    log,
    started: () => started,
  })

  const close = (isForced: boolean): Promise<void> => {
    if (isForced) void upstreams.close({ force: true })
    closing ??= (async () => {
      reloads.close()
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
    transportServices: { http: settings.http, slowReaderMs: settings.sessions.slowReaderMs, clock, log, memory },
    start: () => (started ??= begin()),
    reload: (next) => reloads.reload(next),
    replaceUpstreams: (names) => reloads.replace(names),
    handle: (inbound) => dispatch(inbound, dispatchNeeds),
    get callsInFlight() {
      return drain.count
    },
    acceptDefinitions: (name, hashes) => upstreams.get(name)?.catalog.acceptDefinitions(hashes),
    upstreamStates: () => upstreamStates(upstreams.all),
    health: () => healthReport(state(), upstreams.all, isNamed(), clock),
    async drain() {
      reloads.close()
      endpoints.refuseWaiting(new Refusal('draining'))
      const drained = drain.drain(settings.http.drainMs)
      admission.close()
      await drained
      streams.release(reconnectMs)
      sseSessions.release()
    },
    close: (how) => close(how?.force === true),
  }
}
