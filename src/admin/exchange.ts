/** Answers one request of an operator: checks where it comes from and its token, finds its operation, and writes the answer. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Log } from '../base/log.ts'
import type { SecretValues } from '../base/secret-values.ts'
import { asRefusal } from '../base/refusal.ts'
import { checkFraming, checkHeaders, type HostRules, isAllowedOrigin } from '../transports/http/guard.ts'
import { AdminError } from './admin-error.ts'
import { type AdminToken, type Asker, checkRight, findToken, MissingRight } from './admin-tokens.ts'
import { metricsPath, openapiPath, rightsOfPaths } from './api.ts'
import type { Handlers } from './api-request.ts'
import type { Metrics } from './metrics/scrape.ts'
import { readBody } from './read-body.ts'
import { findRoute, readParameters } from './routes.ts'

export interface ExchangeNeeds {
  readonly handlers: Handlers
  readonly hosts: HostRules
  /** One of them each request must carry; undefined at a socket that only its user can connect to. */
  readonly tokens: (() => readonly AdminToken[]) | undefined
  /** Values that no answer shows. */
  readonly secretValues: SecretValues
  readonly metrics: Metrics
  /** The text of the OpenAPI document. */
  readonly openapi: () => Promise<string>
  /** Logs requests without the right token: a line a second at most. */
  readonly refusals: { refused(reason: string): void }
  readonly log: Log
}

interface Answered {
  readonly status: number
  readonly type: string
  readonly text: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Never rejects. */
export async function answerExchange(
  request: IncomingMessage,
  response: ServerResponse,
  needs: ExchangeNeeds,
): Promise<void> {
  let answered: Answered
  try {
    answered = await answerTo(request, needs)
  } catch (error) {
    answered = problemOf(error, needs)
  }
  const { status, type, text, headers } = answered
  // What was not read of the body would be taken for the next request.
  if (!request.complete) response.setHeader('Connection', 'close')
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  })
  response.end(request.method === 'HEAD' ? undefined : text)
}

async function answerTo(request: IncomingMessage, needs: ExchangeNeeds): Promise<Answered> {
  const { handlers, hosts, tokens, secretValues, metrics, openapi } = needs
  const { host, origin, authorization, 'transfer-encoding': coding } = request.headers
  checkHeaders(request.rawHeaders)
  checkFraming(request.httpVersion, host, coding)
  hosts.check(host, request.socket.localAddress)
  if (origin !== undefined && !isAllowedOrigin(origin, []))
    throw new AdminError(403, 'forbidden_origin', 'Pages of other origins are not answered.')
  const asker: Asker = tokens === undefined ? 'socket' : findToken(authorization, tokens())
  const { pathname, searchParams } = targetOf(request.url ?? '')
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '')
  if ((pathname === metricsPath || pathname === openapiPath) && method === 'GET') {
    checkRight(asker, rightsOfPaths[pathname])
    if (pathname === metricsPath) return { status: 200, ...(await metrics.scrape()) }
    return { status: 200, type: jsonType, text: await openapi() }
  }
  const { route, match } = findRoute(method, pathname)
  // Before the body is read, and before anything of the instance is told.
  checkRight(asker, route.operation.right)
  const body = await readBody(request)
  const found = await handlers[route.id](readParameters(route, match, searchParams, body))
  return { status: 200, type: jsonType, text: secretValues.maskJson(`${JSON.stringify(found)}\n`, new Set()) }
}

const jsonType = 'application/json'

function targetOf(target: string): URL {
  if (target.startsWith('/') && URL.canParse(target, 'http://localhost')) return new URL(target, 'http://localhost')
  throw new AdminError(400, 'bad_request', 'The target is not a path.')
}

function problemOf(error: unknown, { log, refusals }: Pick<ExchangeNeeds, 'log' | 'refusals'>): Answered {
  const { status, reason, title } = described(error)
  // Many of these in a row are an attempt to guess a token, or somebody at work with another one's.
  if (status === 401 || error instanceof MissingRight) refusals.refused(reason)
  if (status === 500) log.error({ err: error }, 'a request of an operator could not be answered')
  const text = `${JSON.stringify({ type: 'about:blank', title, status, reason })}\n`
  const headers = challengeOf(error, status)
  return { status, type: 'application/problem+json', text, headers }
}

/** [RFC 6750, 3] */
function challengeOf(error: unknown, status: number): Readonly<Record<string, string>> {
  if (error instanceof MissingRight)
    return { 'WWW-Authenticate': `Bearer error="insufficient_scope", scope="${error.right}"` }
  return status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}
}

function described(error: unknown): { readonly status: number; readonly reason: string; readonly title: string } {
  if (error instanceof AdminError) return { status: error.status, reason: error.reason, title: error.message }
  const refusal = asRefusal(error)
  if (refusal) return { status: refusal.row.status, reason: refusal.code, title: refusal.message }
  return { status: 500, reason: 'internal', title: 'The request could not be answered; the log says why.' }
}
