/**
 * The routes, and the answers to CORS preflights. Pure: maps a method and a path to a route. Paths are compared exactly
 * and never normalised; a path that is not listed is 404. Which endpoints there are below `/mcp` and `/sse`, the gateway
 * knows.
 */
import type { Probe } from '../../protocol/health.ts'
import { Refusal } from '../../base/refusal.ts'
import { readEndpointPath } from '../../protocol/endpoint-path.ts'
import type { Outbound } from '../../protocol/inbound.ts'
import { describedEndpoint } from '../../protocol/resource-metadata.ts'

/** The parts of a request target. `authority` is set if the target is an absolute URL. [RFC 9112, 3.2] */
export interface RequestTarget {
  readonly path: string
  readonly query: string
  readonly authority?: string
}

export type Route =
  | { readonly kind: 'mcp' }
  | { readonly kind: 'probe'; readonly probe: Probe }
  | { readonly kind: 'options'; readonly allow: string }

/** The paths of the health probes. */
export const probePaths: readonly string[] = ['/health', '/livez', '/readyz']

const mcpRoute: Route = { kind: 'mcp' }
const mcpAllow = 'GET, POST, DELETE, OPTIONS'
const metadataAllow = 'GET, OPTIONS'
const probeAllow = 'GET, HEAD, OPTIONS'

/** @throws Refusal `not_found`, `method_not_allowed` */
export function route(method: string, path: string): Route {
  const kind = readEndpointPath(path)?.kind
  if (kind === 'mcp') {
    if (method === 'POST' || method === 'GET' || method === 'DELETE') return mcpRoute
    if (method === 'OPTIONS') return { kind: 'options', allow: mcpAllow }
    throw new Refusal('method_not_allowed', { headers: { Allow: mcpAllow } })
  }
  if (kind !== undefined) {
    // Some clients first POST to the stream path and expect a refusal.
    const only = kind === 'stream' ? 'GET' : 'POST'
    if (method === only) return mcpRoute
    const allow = `${only}, OPTIONS`
    if (method === 'OPTIONS') return { kind: 'options', allow }
    throw new Refusal('method_not_allowed', { headers: { Allow: allow } })
  }
  if (describedEndpoint(path) !== undefined) {
    if (method === 'OPTIONS') return { kind: 'options', allow: metadataAllow }
    return mcpRoute
  }
  const probe = probeAt(path)
  if (probe === undefined) throw new Refusal('not_found')
  if (method === 'GET' || method === 'HEAD') return { kind: 'probe', probe }
  if (method === 'OPTIONS') return { kind: 'options', allow: probeAllow }
  throw new Refusal('method_not_allowed', { headers: { Allow: probeAllow } })
}

/** Whether a path has a route. */
export function isServed(path: string): boolean {
  return readEndpointPath(path) !== undefined || probeAt(path) !== undefined || describedEndpoint(path) !== undefined
}

function probeAt(path: string): Probe | undefined {
  if (path === '/health') return 'health'
  if (path === '/livez') return 'livez'
  return path === '/readyz' ? 'readyz' : undefined
}

/** Parses a request target. A leading `//` is a path like any other, not a host. */
export function readTarget(url: string): RequestTarget {
  if (url.charCodeAt(0) === 0x2f) return split(url)
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(url)
  if (!absolute) return { path: url, query: '' }
  const [, authority = '', rest = ''] = absolute
  return { ...split(rest.startsWith('/') ? rest : `/${rest}`), authority }
}

function split(url: string): RequestTarget {
  const at = url.indexOf('?')
  return at < 0 ? { path: url, query: '' } : { path: url.slice(0, at), query: url.slice(at + 1) }
}

/** Whether a query asks for the long form, as `?verbose`, `?verbose=1` or the like. */
export function isVerbose(query: string): boolean {
  return query !== '' && /(?:^|&)verbose(?:=(?!0|false)|&|$)/.test(query)
}

/**
 * The headers that a page may send. CORS has no pattern for `Mcp-Param-*`, so the requested ones are listed by name.
 */
const corsRequestHeaders = [
  'Authorization',
  'X-Api-Key',
  'Content-Type',
  'Accept',
  'Mcp-Session-Id',
  'MCP-Protocol-Version',
  'Last-Event-ID',
  'Mcp-Method',
  'Mcp-Name',
]
const headerParam = /^mcp-param-[!#$%&'*+.^_`|~0-9a-z-]{1,128}$/i
const maxHeaderParams = 64

/** The CORS headers of each answer to a page of an allowed origin. */
export function corsHeaders(origin: string): Readonly<Record<string, string>> {
  return {
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Expose-Headers': 'Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After',
    Vary: 'Origin',
  }
}

/**
 * The answer to OPTIONS, a CORS preflight or a plain one.
 * @param wanted the `Access-Control-Request-Headers`
 */
export function answerOptions(allow: string, isPreflight: boolean, wanted: string | undefined): Outbound {
  if (!isPreflight) return { status: 204, headers: { Allow: allow }, body: '' }
  const params = (wanted ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => headerParam.test(name))
  return {
    status: 204,
    headers: {
      'Access-Control-Allow-Methods': allow,
      'Access-Control-Allow-Headers': [...corsRequestHeaders, ...params.slice(0, maxHeaderParams)].join(', '),
      'Access-Control-Max-Age': '7200',
      Vary: 'Origin, Access-Control-Request-Headers',
    },
    body: '',
  }
}
