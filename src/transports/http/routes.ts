/**
 * The paths that are served, and what a browser asks before it sends a request. Pure: a request line in, a route
 * out. Paths are compared to the letter; a path that is not in the table is 404, and no path is ever normalised.
 */
import type { Probe } from '../../protocol/health.ts'
import { Refusal } from '../../base/refusal.ts'
import { messagesPath, streamPath } from '../../protocol/http-sse.ts'
import type { Outbound } from '../../protocol/inbound.ts'

/** A request target taken apart. `authority` is there when the target is a whole URL. [RFC 9112, 3.2] */
export interface RequestTarget {
  readonly path: string
  readonly query: string
  readonly authority?: string
}

export type Route =
  | { readonly kind: 'mcp' }
  | { readonly kind: 'probe'; readonly probe: Probe }
  | { readonly kind: 'options'; readonly allow: string }

/** Where MCP is spoken. */
export const endpointPath = '/mcp'

/** Written so by some people and clients; a redirect would cost those that do not follow one. */
const endpointWithSlash = `${endpointPath}/`

/** Where it is asked how we are. */
export const probePaths: readonly string[] = ['/health', '/livez', '/readyz']

const mcpRoute: Route = { kind: 'mcp' }
const mcpAllow = 'GET, POST, DELETE, OPTIONS'
const probeAllow = 'GET, HEAD, OPTIONS'

/** @throws Refusal `not_found`, `method_not_allowed` */
export function route(method: string, path: string): Route {
  if (isEndpoint(path)) {
    if (method === 'POST' || method === 'GET' || method === 'DELETE') return mcpRoute
    if (method === 'OPTIONS') return { kind: 'options', allow: mcpAllow }
    throw new Refusal('method_not_allowed', { headers: { Allow: mcpAllow } })
  }
  const only = onlyMethodAt(path)
  if (only !== undefined) {
    if (method === only) return mcpRoute
    const allow = `${only}, OPTIONS`
    if (method === 'OPTIONS') return { kind: 'options', allow }
    throw new Refusal('method_not_allowed', { headers: { Allow: allow } })
  }
  const probe = probeAt(path)
  if (probe === undefined) throw new Refusal('not_found')
  if (method === 'GET' || method === 'HEAD') return { kind: 'probe', probe }
  if (method === 'OPTIONS') return { kind: 'options', allow: probeAllow }
  throw new Refusal('method_not_allowed', { headers: { Allow: probeAllow } })
}

/** Whether a path is that of the endpoint. */
export function isEndpoint(path: string): boolean {
  return path === endpointPath || path === endpointWithSlash
}

/** Whether anything is at a path. */
export function isServed(path: string): boolean {
  return isEndpoint(path) || onlyMethodAt(path) !== undefined || probeAt(path) !== undefined
}

/** The one method of a path of the transport HTTP+SSE. Clients that POST to its stream first expect to be refused. */
function onlyMethodAt(path: string): 'GET' | 'POST' | undefined {
  if (path === streamPath) return 'GET'
  return path === messagesPath ? 'POST' : undefined
}

function probeAt(path: string): Probe | undefined {
  if (path === '/health') return 'health'
  if (path === '/livez') return 'livez'
  return path === '/readyz' ? 'readyz' : undefined
}

/** Takes a request target apart. A leading `//` is a path like any other, not a host. */
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

/** The headers a page may send. `Mcp-Param-*` cannot be listed, so those asked for are named. [protocol.md 7] */
const corsRequestHeaders = [
  'Authorization',
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

/** What pages of an allowed origin get to see, on every answer. */
export function corsHeaders(origin: string): Readonly<Record<string, string>> {
  return {
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Expose-Headers': 'Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After',
    Vary: 'Origin',
  }
}

/**
 * The answer to OPTIONS, which is a preflight if it names a method to come.
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
