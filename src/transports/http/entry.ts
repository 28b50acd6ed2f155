/**
 * What every HTTP edge does alike, whoever reads the bytes: lets a request in by its Host and Origin, finds what it
 * asks for, and hands it to the gateway. Framing and bodies are the edges' own.
 */
import type { Log, LogFields } from '../../base/log.ts'
import type { MemoryBudget } from '../../base/memory-budget.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Clock } from '../../base/clock.ts'
import { noReport, renderHealth, type HealthReport, type Probe } from '../../protocol/health.ts'
import { streamPath } from '../../protocol/http-sse.ts'
import { header, type Inbound, type Outbound } from '../../protocol/inbound.ts'
import { answerable } from '../../protocol/error-response.ts'
import { browserPage } from './browser-page.ts'
import { checkAccept, hostRules, isAllowedOrigin } from './guard.ts'
import type { HttpSettings } from './options.ts'
import { createRefusalLog, type RefusalLog, shown } from './refusal-log.ts'
import { answerOptions, isVerbose, route, type RequestTarget } from './routes.ts'

/** What is served: the gateway, as far as HTTP knows it. */
export interface Served {
  handle(inbound: Inbound): Promise<Outbound>
  health(): Promise<HealthReport>
}

/** A gateway that tells a handler what it was told of HTTP. */
export interface Mountable extends Served {
  readonly edge: {
    readonly http: EntrySettings & Pick<HttpSettings, 'maxBodyBytes'>
    readonly slowReaderMs: number
    readonly clock: Clock
    readonly log: Log
    readonly memory: MemoryBudget
  }
}

export type EntrySettings = Pick<HttpSettings, 'host' | 'allowHosts' | 'allowOrigins'> &
  Partial<Pick<HttpSettings, 'sse'>>

/** A request at the door. */
export interface IncomingRequest extends Inbound {
  /** The origin of the page that asks, once it was let in. */
  origin: string | undefined
}

export interface Entry {
  /** Where refusals are told that never reach the gateway. */
  readonly refusals: RefusalLog
  /**
   * @param host the Host header
   * @param localAddress the address the connection came in at, where it is known
   * @throws Refusal, or rejects with one, that `refusalOf` understands
   */
  answer(
    incoming: IncomingRequest,
    target: RequestTarget,
    host: string | undefined,
    localAddress: string | undefined,
  ): Promise<Outbound> | Outbound
  /** Whatever was thrown, as a refusal to answer with; what is worth a line is logged. */
  refusalOf(error: unknown): Refusal
}

export function createEntry(gateway: Served, settings: EntrySettings, log: Log, clock: Clock): Entry {
  const hosts = hostRules(settings)
  const refusals = createRefusalLog(log, clock)

  async function probe(which: Probe, query: string): Promise<Outbound> {
    let report = noReport
    try {
      report = await gateway.health()
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
      // The target's own host counts more than the header. [RFC 9112, 3.2.2]
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
        // Without a session there is no stream to open, and the gateway says so whatever the client accepts.
        if (method === 'GET' && (headers['mcp-session-id'] !== undefined || target.path === streamPath))
          checkAccept(method, header(incoming, 'accept'))
        return gateway.handle(incoming)
      }
      if (where.kind === 'probe') return probe(where.probe, target.query)
      const isPreflight = origin !== undefined && headers['access-control-request-method'] !== undefined
      return answerOptions(where.allow, isPreflight, header(incoming, 'access-control-request-headers'))
    },
    refusalOf(error) {
      const refusal = answerable(error, log)
      // A client that went away is no news, and a fault of our own was logged with what is behind it.
      if (refusal.code !== 'internal' && refusal.code !== 'cancelled') refusals.refused(refusal.code, offender(refusal))
      return refusal
    },
  }
}

/** The host or origin that was refused: what an operator has to allow, or to set right in a proxy. */
function offender({ code, cause }: Refusal): LogFields {
  if (typeof cause !== 'string') return {}
  // Before an @ there may be a password.
  const named = shown(cause.slice(cause.lastIndexOf('@') + 1))
  return code === 'forbidden_origin' ? { origin: named } : { host: named }
}
