/**
 * Composes the gateway: builds its modules and gives each the settings that it needs. No other file knows all modules.
 * The command and embedders use this file and nothing behind it.
 */
import type { Backplane } from '../backplane/backplane.ts'
import { createMemoryBackplane } from '../backplane/memory.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { shortId } from '../base/ids.ts'
import { createEvents, type EventSource } from '../base/events.ts'
import { type Log, silentLog } from '../base/log.ts'
import { createMemoryBudget, type MemoryBudget } from '../base/memory-budget.ts'
import { CoarseTimers } from '../base/coarse-timers.ts'
import { capabilitiesIn, createCatalog } from '../catalog/catalog.ts'
import type { Settings } from '../config/settings.ts'
import { createAdmission } from '../admission/admission.ts'
import { acceptWithoutCredentials, type Authenticate } from '../identity/authenticate.ts'
import type { Call, Reply } from '../protocol/call.ts'
import type { HealthReport } from '../protocol/health.ts'
import type { Inbound, Outbound } from '../protocol/inbound.ts'
import { isObject } from '../protocol/json-text.ts'
import { Refusal } from '../base/refusal.ts'
import { createJournalledStreams } from '../sessions/journalled-streams.ts'
import { createSessions } from '../sessions/sessions.ts'
import { createStdioUpstream } from '../upstreams/stdio/stdio-upstream.ts'
import { type UpstreamFacts, UpstreamStartError } from '../upstreams/upstream.ts'
import { createPendingInput } from './interaction/pending-input.ts'
import { admit, admitMessage, type AdmitNeeds } from './admit.ts'
import { createAnswers } from './answers.ts'
import { type CallNeeds, runCall } from './calls/run-call.ts'
import { createClientMemory } from './client-memory.ts'
import { facts, type GatewayFacts, type GatewayState, healthReport } from './health.ts'
import { dispatch, type DispatchNeeds } from './dispatch.ts'
import { createDrain } from './drain.ts'
import { callerOf, createSessionNotifications } from './legacy/notifications.ts'
import { expiredText, pingText } from './legacy/notices.ts'
import { createContinuations } from './interaction/continuation.ts'
import { createRequestStateCodec } from './interaction/request-state.ts'
import { createStartWait, type StartedServer } from './wait-for-start.ts'
import { createSseSessions } from './legacy/http-sse-sessions.ts'
import { SuspendedCalls } from './interaction/suspended-calls.ts'

export type { GatewayFacts }
export { CommandStartError } from '../upstreams/stdio/command-start-error.ts'
export { UpstreamStartError } from '../upstreams/upstream.ts'

export interface Gateway {
  /**
   * Starts the upstream and detects what it offers. A second call returns the promise of the first.
   * Throws `UpstreamStartError`, also if the gateway is closed before or meanwhile; a start that fails closes the
   * gateway.
   */
  start(): Promise<GatewayFacts>
  /** Answers one exchange on the MCP endpoint. Never rejects. */
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
  /** How many calls are in flight. */
  readonly callsInFlight: number
  readonly events: EventSource
  /** For what carries requests here: `nodeHandler`, `fetchHandler` and the transports of the command read it. */
  readonly transportServices: TransportServices
}

/** The settings and services that a transport takes from its gateway. */
export interface TransportServices {
  readonly http: Settings['http']
  /** How long a reader may take for the last write, in milliseconds. */
  readonly slowReaderMs: number
  readonly clock: Clock
  readonly log: Log
  /** Counts the bytes that a transport keeps. */
  readonly memory: MemoryBudget
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

export function composeGateway(needs: GatewayParts): Gateway {
  const { settings, log = silentLog, clock = systemClock, hasOneClient = false } = needs
  const [setup] = Object.values(settings.upstreams)
  if (!setup) throw new Error('settings without an upstream')
  const memory = createMemoryBudget(settings.limits.memoryBytes)
  const backplane = needs.backplane ?? createMemoryBackplane({ clock, memory })
  const events = createEvents()
  const timers = new CoarseTimers(clock)
  const suspended = new SuspendedCalls({ timers, clock, ...settings.sessions })
  const upstream = createStdioUpstream({
    settings: setup,
    hasOneClient,
    queue: settings.limits.queue,
    queueWaitMs: settings.limits.queueWaitMs,
    clock,
    log,
    events,
    memory,
    endSuspendedCalls: (wanted) => suspended.endSilent(wanted),
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
    onEnd: (liveSession) => upstream.endSession(callerOf(liveSession)),
  })
  const sseSessions = createSseSessions({ sessions, memory, settings: settings.sessions, timers, clock })
  const drain = createDrain(clock)
  const admission = createAdmission(
    settings.limits,
    clock,
    (wanted) => void sessions.evictIdle(wanted - sseSessions.evictIdle(wanted)),
  )
  const pendingInput = createPendingInput(timers, settings.sessions.answerTimeoutMs)
  const { startTimeoutMs } = setup
  const startWait = createStartWait({ queue: settings.limits.queue, startTimeoutMs, clock })
  // Unique among session ids and among the calls of all instances.
  const clientKeys = `call/${shortId()}/`
  let clientsWithoutSession = 0
  const nextClientKey = (): string => `${clientKeys}${++clientsWithoutSession}`
  const startedMs = clock.now()
  let started: Promise<GatewayFacts> | undefined
  let closing: Promise<void> | undefined

  const catalog = createCatalog({ catalogSource: upstream.catalog, memory, clock, log })
  const requestState = createRequestStateCodec(clock, settings.sessions.answerTimeoutMs)
  const clientMemory = createClientMemory(memory)
  const admitNeeds: AdmitNeeds = {
    authenticate: needs.authenticate ?? acceptWithoutCredentials,
    offersHttpSse: settings.http.sse,
    startWait,
    sessions,
    sseSessions,
    requestState,
    drain,
    limits: settings.limits,
    catalog,
    admission,
    clientMemory,
    clock,
  }
  const continuations = createContinuations({ upstream, records: backplane.records, clock, ...settings.sessions })
  const callNeeds: CallNeeds = { upstream, catalog, continuations, events, clock }
  const common = { runCall: (call: Call): Reply => runCall(call, callNeeds), catalog, upstream, timers, events, log }
  const answers = createAnswers(
    {
      ...common,
      sessions,
      sseSessions,
      pendingInput,
      sessionNotifications: createSessionNotifications({ upstream, pendingInput }),
    },
    {
      ...common,
      clock,
      drain,
      suspended,
      requestState,
      clientMemory,
      nextClientKey,
      sessionSettings: settings.sessions,
    },
    (request) => admitMessage(request, admitNeeds),
  )
  const dispatchNeeds: DispatchNeeds = { admit: (request) => admit(request, admitNeeds), answers, events, log }
  const startedServer = ({ serverEras, sharing }: UpstreamFacts): StartedServer => ({
    refusesStateless: sharing.stateless === 'refuse',
    extensions: serverEras.some((serverEra) => isObject(capabilitiesIn(serverEra.serverDescription)['extensions'])),
  })

  const state = (): GatewayState => ({
    draining: drain.draining,
    uptimeMs: clock.now() - startedMs,
    memory: { heldBytes: memory.heldBytes, limitBytes: memory.limitBytes },
    counts: {
      sessions: sessions.count,
      streams: streams.open + sseSessions.count,
      calls: drain.count,
      clients: admission.held,
      waitingClients: admission.waiting + startWait.waiting,
      suspendedCalls: suspended.count,
      ...upstream.counts(),
      ...(log.lost !== undefined && { lostLogLines: log.lost }),
    },
  })

  const closed = (): UpstreamStartError =>
    new UpstreamStartError('the gateway was closed before its server had started')

  const begin = async (): Promise<GatewayFacts> => {
    if (closing) throw closed()
    try {
      const found = await upstream.start((serverDescription) => {
        // With several clients, the stateless era may be refused if the server speaks the session-based era too.
        if (hasOneClient) startWait.discovered(serverDescription)
      })
      if (closing) throw closed()
      startWait.started(startedServer(found))
      return await facts(found, catalog, clock.now() - startedMs)
    } catch (error) {
      if (closing) throw closed()
      startWait.fail(new Refusal('upstream_unavailable'))
      void close(false)
      throw error
    }
  }

  const close = (isForced: boolean): Promise<void> => {
    if (isForced) void upstream.close({ force: true })
    closing ??= (async () => {
      startWait.fail(new Refusal('draining'))
      drain.drain(0).catch(() => undefined)
      sseSessions.release()
      await sessions.close()
      await upstream.close()
      timers.close()
      await backplane.close()
    })()
    return closing
  }

  return {
    events,
    transportServices: { http: settings.http, slowReaderMs: settings.sessions.slowReaderMs, clock, log, memory },
    start: () => (started ??= begin()),
    handle: (inbound) => dispatch(inbound, dispatchNeeds),
    get callsInFlight() {
      return drain.count
    },
    health: () => healthReport(state(), startWait.server ? () => upstream.health() : undefined, clock),
    async drain() {
      startWait.fail(new Refusal('draining'))
      const drained = drain.drain(settings.http.drainMs)
      admission.close()
      await drained
      streams.release(reconnectMs)
      sseSessions.release()
    },
    close: (how) => close(how?.force === true),
  }
}
