/** What each operation of the JSON API does. */
import { wallMs } from '../base/clock.ts'
import type { LastError } from '../base/events.ts'
import type { Log } from '../base/log.ts'
import type { Gateway, Overview } from '../gateway/gateway.ts'
import { usualMethod } from '../gateway/explanation/asked-call.ts'
import { eraInWords } from '../protocol/revisions.ts'
import { version } from '../base/version.ts'
import { AdminError } from './admin-error.ts'
import type { Handlers } from './api-request.ts'
import type { ClosedSessions } from './closed-sessions.ts'
import type { EndedWorkers } from './ended-workers.ts'
import { createUpstreamHandlers, type OperatedUpstreams } from './upstream-handlers.ts'
import type { RecentErrors } from './recent-errors.ts'
import type { ApiAnswers, ApiCall, ApiLastError, ApiReloads, ApiSession, ApiTenant } from './answers.ts'

/** What the process says of itself, and what an operator may do to it. */
export interface OperatedProcess {
  readonly endpoint: string | undefined
  readonly config: string | undefined
  /** How long calls may take in a drain, in milliseconds. */
  readonly drainMs: number
  /** Begins to drain. */
  drain(): void
  /** Begins to read the settings again. @returns the number of that reload; undefined if they cannot be read */
  reload(): number | undefined
  reloads(): ApiReloads
}

export interface HandlerNeeds {
  readonly gateway: Pick<Gateway, 'health' | 'callsInFlight'> & OperatedUpstreams & { readonly overview: Overview }
  readonly process: OperatedProcess
  readonly closedSessions: ClosedSessions
  readonly recentErrors: RecentErrors
  readonly endedWorkers: EndedWorkers
  readonly log: Log
}

export function createHandlers({
  gateway,
  process: operated,
  closedSessions,
  recentErrors,
  endedWorkers,
  log,
}: HandlerNeeds): Handlers {
  const { overview } = gateway

  const oneSession = (label: string): ApiAnswers['session'] => {
    const found = overview.session(label)
    const [only, ...others] = found
    if (!only) throw new AdminError(404, 'session_unknown', `There is no session ${label}.`)
    if (others.length > 0)
      throw new AdminError(
        409,
        'session_ambiguous',
        `Several sessions begin so: ${found.map((one) => one.label).join(', ')}.`,
      )
    const { subject, issuer, clientVersion, tools, running } = only
    const history = only.history.map((call) => ({ ...call, at: timeOf(call.at) }))
    return { ...sessionOf(only), subject, issuer, clientVersion, tools, running: running.map(callOf), history }
  }

  return {
    ...createUpstreamHandlers(gateway, endedWorkers),
    async instance() {
      const { status, counts = {}, memory } = await gateway.health()
      const uptimeMs = Math.round(process.uptime() * 1000)
      return {
        pid: process.pid,
        version,
        node: process.versions.node,
        status,
        startedAt: timeOf(wallMs() - uptimeMs),
        uptimeMs,
        endpoint: operated.endpoint,
        config: operated.config,
        memory: {
          heldBytes: memory?.heldBytes ?? 0,
          limitBytes: memory?.limitBytes ?? 0,
          rssBytes: process.memoryUsage.rss(),
        },
        counts: { ...counts },
      }
    },
    sessions({ counts: { limit = 0, offset = 0 }, texts: { client, tenant } }) {
      const { total, sessions } = overview.sessions({ skip: offset, limit, client, tenant })
      return { total, sessions: sessions.map(sessionOf) }
    },
    session: ({ segments: { session = '' } }) => oneSession(session),
    async closeSession({ segments: { session = '' } }) {
      const { label } = oneSession(session)
      if (!(await overview.closeSession(label)))
        throw new AdminError(404, 'session_unknown', `There is no session ${label}.`)
      return { label }
    },
    closedSessions({ counts: { limit = 0, offset = 0 }, texts: { client, tenant, reason } }) {
      const { total, sessions } = closedSessions.page({ skip: offset, limit, client, tenant, reason })
      return {
        total,
        sessions: sessions.map(({ endedAt, lastError, ...one }) => ({
          ...one,
          endedAt: timeOf(endedAt),
          lastError: lastError && errorOf(lastError),
        })),
      }
    },
    tenants({ counts: { limit = 0, offset = 0 } }) {
      const all = overview.tenants()
      return { total: all.length, tenants: all.slice(offset, offset + limit).map(tenantOf) }
    },
    tenant({ segments: { tenant = '' } }) {
      const found = overview.tenants().find((one) => one.tenant === tenant)
      if (!found) throw new AdminError(404, 'tenant_unknown', `There is no tenant ${tenant}.`)
      return tenantOf(found)
    },
    explain: ({ texts }) => overview.explain(askedIn(texts)),
    async purgeTenant({ segments: { tenant = '' } }) {
      const isKnown = overview.tenants().some((one) => one.tenant === tenant)
      const purging = overview.purgeTenant(tenant)
      // In the same step, and also if the store fails.
      const forgotten = { closedSessions: closedSessions.forget(tenant), errors: recentErrors.forget(tenant) }
      const { sharedServers, ...purged } = await purging
      const counts = { ...purged, ...forgotten }
      if (!isKnown && Object.values(counts).every((count) => count === 0))
        throw new AdminError(404, 'tenant_unknown', `There is no tenant ${tenant}, and nothing is kept of one.`)
      log.warn({ tenant, ...counts }, 'the data of a tenant is deleted')
      return { tenant, ...counts, sharedServers }
    },
    errors({ counts: { limit = 0 }, texts: { tenant } }) {
      const { total, errors } = recentErrors.list(limit, tenant)
      return { total, errors: errors.map(({ lastAt, ...one }) => ({ ...one, lastAt: timeOf(lastAt) })) }
    },
    drain({ counts: { limit = 0 } }) {
      const { isDraining, drainingForMs: sinceMs } = overview
      return {
        draining: isDraining,
        sinceMs,
        leftMs: sinceMs === undefined ? undefined : Math.max(0, operated.drainMs - sinceMs),
        callsInFlight: gateway.callsInFlight,
        waitingFor: overview.calls(limit).map(callOf),
      }
    },
    reloads: () => operated.reloads(),
    startReload() {
      const number = operated.reload()
      if (number === undefined)
        throw new AdminError(409, 'no_reload', 'There is no file that can be read again, or this mcplex still starts.')
      return { number }
    },
    startDrain() {
      operated.drain()
      return { draining: true }
    },
  }
}

/** @throws AdminError 400 if nothing says which method is asked for */
function askedIn(texts: Readonly<Record<string, string | undefined>>): Parameters<Overview['explain']>[0] {
  const { tenant = 'default', subject, issuer, scopes, endpoint = '', tool, prompt, resource } = texts
  const names = {
    ...(tool !== undefined && { tool }),
    ...(prompt !== undefined && { prompt }),
    ...(resource !== undefined && { resource }),
  }
  const method = texts['method'] ?? usualMethod(names)
  if (method === undefined)
    throw new AdminError(400, 'bad_request', 'A tool, a prompt, a resource or a method is missing.')
  return { tenant, subject, issuer, scopes: scopes?.split(' ').filter((one) => one !== ''), endpoint, method, names }
}

function sessionOf(view: ReturnType<Overview['sessions']>['sessions'][number]): ApiSession {
  const { label, tenant, endpoint, client, era, version: revision, isReady, ageMs, idleMs, calls, callsTotal } = view
  return {
    label,
    tenant,
    endpoint,
    client,
    era: eraInWords[era],
    version: revision,
    ready: isReady,
    ageMs,
    idleMs: Math.max(0, idleMs),
    calls,
    callsTotal,
    streams: view.openStreams,
    inputRequests: view.inputRequests,
    keptBytes: view.heldBytes,
  }
}

function callOf({ isWaiting, ...one }: ReturnType<Overview['calls']>[number]): ApiCall {
  return { ...one, waiting: isWaiting }
}

function tenantOf({ isNamed, limits, ...one }: ReturnType<Overview['tenants']>[number]): ApiTenant {
  return { ...one, named: isNamed, limits: limits.map(({ tenant: _tenant, ...limit }) => limit) }
}

function errorOf({ method, tool, status, at }: LastError): ApiLastError {
  return { method, tool, status, at: timeOf(at) }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}
