/**
 * Logs the events of a gateway: a line when a session begins and ends and for each call, and at level debug when a
 * worker starts and ends. Of a tenant it has what its settings allow. Beyond a hundred lines of a kind in a second only their number is logged.
 */
import type { Clock } from '../base/clock.ts'
import type { EventSource } from '../base/events.ts'
import { LineLimit } from '../base/line-limit.ts'
import type { Log, LogFields } from '../base/log.ts'
import { TenantLog, type TenantsInForce } from './tenant-log.ts'

const linesPerSecond = 100

/** Starts logging; the returned function stops it. */
export function logEvents(events: EventSource, log: Log, clock: Clock, tenants: TenantsInForce): () => void {
  const ofTenant = new TenantLog(tenants)
  const limit = new LineLimit<string>(clock, linesPerSecond, (message, skipped) =>
    log.info({ what: message, skipped }, 'lines skipped'),
  )
  const line = (message: string, fields: LogFields | (() => LogFields)): void => {
    if (limit.allows(message)) log.info(typeof fields === 'function' ? fields() : fields, message)
  }
  const stops = [
    events.on('sessionOpened', (event) => {
      if (!ofTenant.allows(event.tenant, false)) return
      line('session begins', {
        session: event.session,
        tenant: event.tenant,
        version: event.version,
        client: ofTenant.name(event.tenant, clientOf(event)),
      })
    }),
    events.on('sessionEnded', (event) => {
      if (!ofTenant.allows(event.tenant, false)) return
      line('session ends', {
        session: event.session,
        tenant: event.tenant,
        reason: event.reason,
        age_ms: event.ageMs,
        calls: event.calls,
      })
    }),
    events.on('callEnded', (event) => {
      const { tenant, status } = event
      if (!ofTenant.allows(tenant, status !== 'ok')) return
      // There may be many thousands a second: the fields are made only of those that are logged.
      line(status === 'ok' ? 'call' : 'call failed', () => ({
        method: event.method,
        tool: ofTenant.name(tenant, event.tool),
        upstream: event.upstream,
        tenant,
        subject: ofTenant.subject(tenant, event.subject),
        session: event.session,
        client: ofTenant.name(tenant, clientOf(event)),
        era: event.era,
        upstream_era: event.upstreamEra,
        status,
        req_id: event.requestId,
        dur_ms: event.durationMs,
        queue_ms: event.queueMs,
      }))
    }),
    events.on('authDecision', ({ method, result, reason, keyId, requestId }) => {
      if (result === 'refused') line('credentials refused', { method, reason, key_id: keyId, req_id: requestId })
    }),
    events.on('refused', ({ code, tenant, client, requestId }) => {
      if (!ofTenant.allows(tenant, true)) return
      line('refused', { code, tenant, client: ofTenant.name(tenant, client), req_id: requestId })
    }),
    events.on('workerStarted', (event) =>
      log.debug(
        { ...upstreamOf(event), worker: event.worker, pid: event.pid, purpose: event.purpose },
        'worker started',
      ),
    ),
    events.on('workerEnded', (event) => {
      // An unexpected end is logged as a warning where it is noticed.
      if (!event.expected) return
      log.debug(
        { ...upstreamOf(event), worker: event.worker, reason: event.reason, exit: event.code, signal: event.signal },
        'worker ended',
      )
    }),
    events.on('dropped', (event) => line('dropped', { what: event.what, count: event.count })),
  ]
  return () => {
    limit.stop()
    for (const stop of stops) stop()
  }
}

/** The name of a client and its version, as it says. */
function clientOf(event: {
  readonly client?: string | undefined
  readonly clientVersion?: string | undefined
}): string | undefined {
  const { client, clientVersion } = event
  return clientVersion === undefined ? client : `${client ?? ''}/${clientVersion}`
}

/** The name of the upstream, where there may be several. */
function upstreamOf({ upstream }: { readonly upstream?: string }): LogFields {
  return upstream === undefined ? {} : { upstream }
}
