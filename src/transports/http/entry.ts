/**
 * The steps that all HTTP transports share: checks Host and Origin of a request, finds its route, and passes it to the
 * gateway. Framing and bodies are read by each transport itself.
 */
import type { Log, LogFields } from '../../base/log.ts'
import type { MemoryBudget } from '../../base/memory-budget.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Clock } from '../../base/clock.ts'
import { noReport, renderHealth, type HealthReport, type Probe } from '../../protocol/health.ts'
import { readEndpointPath } from '../../protocol/endpoint-path.ts'
import { header, type Inbound, type Outbound } from '../../protocol/inbound.ts'
import { answerable, requestIdOf, withRequestId } from '../../protocol/error-response.ts'
import { browserPage } from './browser-page.ts'
import { checkAccept, hostRules, isAllowedOrigin } from './guard.ts'
import type { HttpSettings } from './options.ts'
import { createRefusalLog, type RefusalLog, shown } from './refusal-log.ts'
import { answerOptions, isVerbose, route, type RequestTarget } from './routes.ts'

/** The gateway, as far as HTTP needs it. */
export interface Served {
  handle(inbound: Inbound): Promise<Outbound>
  health(reader: 'anyone'): Promise<HealthReport>
}

/** A gateway with what an HTTP handler takes from it. */
export interface Mountable extends Served {
  readonly transportServices: {
    readonly http: EntrySettings & Pick<HttpSettings, 'maxBodyBytes'>
    readonly slowReaderMs: number
    readonly clock: Clock
    readonly log: Log
    readonly memory: MemoryBudget
  }
}

export type EntrySettings = Pick<HttpSettings, 'host' | 'allowHosts' | 'allowOrigins'> &
  Partial<Pick<HttpSettings, 'sse'>>

/** A request before and after its checks. */
export interface IncomingRequest extends Inbound {
  /** The origin of the page that sent it, set once the origin is allowed. */
  origin: string | undefined
}

export interface Entry {
  /** Logs refusals of requests that never reach the gateway. */
  readonly refusals: RefusalLog
  /**
   * Answers a request.
   * @param host the Host header
   * @param localAddress the local address of the connection, if it is known
   * @throws Refusal, or rejects with one, that `refusalOf` understands
   */
  answer(
    incoming: IncomingRequest,
    target: RequestTarget,
    host: string | undefined,
    localAddress: string | undefined,
  ): Promise<Outbound> | Outbound
  /** Turns a thrown value into a refusal to answer with, and logs it unless the client just disconnected. */
  refusalOf(error: unknown): Refusal
}

export function createEntry(gateway: Served, settings: EntrySettings, log: Log, clock: Clock): Entry {
  const hosts = hostRules(settings)
  const refusals = createRefusalLog(log, clock)

  async function probe(which: Probe, query: string): Promise<Outbound> {
    let report = noReport
    try {
      report = await gateway.health('anyone')
    } catch (error) {
      log.error({ err: error }, 'health report failed')
    }
    return renderHealth(which, report, isVerbose(query))
  }

  return {
    refusals,
    answer(incoming, target, host, localAddress) {
      const { method, headers } = incoming
      hosts.check(host, localAddress)
      // A host in the request target overrides the header. [RFC 9112, 3.2.2]
      if (target.authority !== undefined) hosts.check(target.authority, localAddress)
      const origin = header(incoming, 'origin')
      if (origin !== undefined) {
        if (!isAllowedOrigin(origin, settings.allowOrigins)) throw new Refusal('forbidden_origin', { cause: origin })
        incoming.origin = origin
      }
      const page = browserPage(incoming, target.path, settings.sse !== false)
      if (page) return page
      const where = route(method, target.path)
      if (where.kind === 'mcp') {
        // Without a session the gateway refuses a GET with a better reason than a wrong Accept.
        if (
          method === 'GET' &&
          (headers['mcp-session-id'] !== undefined || readEndpointPath(target.path)?.kind === 'stream')
        )
          checkAccept(method, header(incoming, 'accept'))
        return gateway.handle(incoming)
      }
      if (where.kind === 'probe') return probe(where.probe, target.query)
      const isPreflight = origin !== undefined && headers['access-control-request-method'] !== undefined
      return answerOptions(where.allow, isPreflight, header(incoming, 'access-control-request-headers'))
    },
    refusalOf(error) {
      const found = answerable(error, log)
      const requestId = requestIdOf(found)
      const refusal = withRequestId(found, requestId)
      // A disconnect is not logged, and an internal error was logged with its cause.
      if (refusal.code !== 'internal' && refusal.code !== 'cancelled')
        refusals.refused(refusal.code, { ...refusedName(refusal), req_id: requestId })
      return refusal
    },
  }
}

/** The refused host or origin, which an operator may have to allow or to correct in a proxy. */
function refusedName({ code, cause }: Refusal): LogFields {
  if (typeof cause !== 'string') return {}
  // The part before an @ may hold a password.
  const named = shown(cause.slice(cause.lastIndexOf('@') + 1))
  return code === 'forbidden_origin' ? { origin: named } : { host: named }
}
