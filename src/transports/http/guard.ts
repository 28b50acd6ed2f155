/**
 * Checks that need only the headers of a request: foreign hosts and origins, ambiguous headers, bodies of a wrong size
 * or type, answers that the client could not read. Pure decisions; nothing is read here.
 *
 * Order of the checks [2026-07-28 transports]: headers, Host, Origin; then, when the body is asked for and so after
 * authentication: size, content type, Accept.
 */
import { Refusal } from '../../base/refusal.ts'
import { acceptedForms } from '../../protocol/accept.ts'
import { readEndpointPath } from '../../protocol/endpoint-path.ts'
import { type HttpSettings, plainAddress } from './options.ts'

const maxHeaders = 200

/** Headers that may come once: with two of them, two programs on the way could read two different requests. */
const single = new Set([
  'host',
  'expect',
  'x-api-key',
  'origin',
  'mcp-name',
  'mcp-method',
  'content-type',
  'authorization',
  'last-event-id',
  'content-length',
  'mcp-session-id',
  'content-encoding',
  'transfer-encoding',
  'mcp-protocol-version',
])

/** Whether a name of a length can be in `single`: a cheap test that excludes most headers. */
const singleLengths: readonly boolean[] = Array.from({ length: 21 }, (_, length) =>
  [...single].some((name) => name.length === length),
)

/** A bit for each name in `single`, by every spelling that was seen of it, so that a request allocates nothing here. */
const bits = new Map([...single].map((name, index) => [name, 1 << index]))
const maxSpellings = 256

/** The bit of a header name; 0 if it may come more than once. */
function bitOf(name: string): number {
  if (singleLengths[name.length] !== true) return 0
  const known = bits.get(name)
  if (known !== undefined) return known
  const bit = bits.get(name.toLowerCase()) ?? 0
  if (bits.size < maxSpellings) bits.set(name, bit)
  return bit
}

/** @throws Refusal `headers_too_large`, `bad_header` */
export function checkHeaders(raw: readonly string[]): void {
  if (raw.length > maxHeaders * 2) throw new Refusal('headers_too_large')
  let seen = 0
  for (let i = 0; i < raw.length; i += 2) {
    const bit = bitOf(raw[i] ?? '')
    if ((seen & bit) !== 0) throw new Refusal('bad_header')
    seen |= bit
  }
}

/**
 * Refuses requests that node accepts although their end or their host is in doubt (request smuggling).
 * @throws Refusal `bad_header`
 */
export function checkFraming(
  httpVersion: string,
  host: string | undefined,
  transferEncoding: string | undefined,
): void {
  if (httpVersion === '0.9' || (host === undefined && httpVersion !== '1.0')) throw new Refusal('bad_header')
  // A coding before `chunked` would not be decoded here.
  if (transferEncoding !== undefined && transferEncoding.toLowerCase() !== 'chunked') throw new Refusal('bad_header')
}

/** Names of this machine itself, which are always allowed. */
const loopbackHosts: readonly string[] = ['localhost', '127.0.0.1', '[::1]']

const hostForm = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9_](?:[a-z0-9_.-]{0,253}))(:[0-9]{1,5})?$/i

export interface HostRules {
  /**
   * Checks the host that a request names. A request without a host (HTTP/1.0 probes of load balancers) is not from a
   * browser and passes. A refusal has the host as its cause.
   * @param localAddress the local address of the connection: as an IP address in `Host`, it is never DNS rebinding
   * @throws Refusal `bad_header` (400) if it is not a host, `forbidden_host` (403) if it is not allowed
   */
  check(host: string | undefined, localAddress: string | undefined): void
}

/** The rules for `Host`, against DNS rebinding. [2025-11-25 transports, security warning] */
export function hostRules(settings: Pick<HttpSettings, 'host' | 'allowHosts'>): HostRules {
  const known = new Set(loopbackHosts)
  const isEverywhere = isWildcard(settings.host)
  if (!isEverywhere) known.add(asHost(plainAddress(settings.host)))
  for (const host of settings.allowHosts) known.add(asHost(host))
  const passed = new Set<string>()
  return {
    check(host, localAddress) {
      if (host === undefined || passed.has(host)) return
      const form = hostForm.exec(host)
      if (!form) throw new Refusal('bad_header', { message: 'The Host header is not a host name.', cause: host })
      const name = (form[1] ?? '').toLowerCase()
      if (known.has(name) || known.has(host.toLowerCase())) {
        if (passed.size < 64) passed.add(host)
        return
      }
      // Not remembered: another connection may have another local address.
      if (isEverywhere && localAddress !== undefined && name === asHost(unmapped(localAddress))) return
      throw new Refusal('forbidden_host', { cause: host })
    },
  }
}

function isWildcard(host: string): boolean {
  return host === '' || host === '0.0.0.0' || plainAddress(host) === '::'
}

/** A host as in a `Host` header: lower case, IPv6 in brackets and without the zone, which is local to this machine. */
function asHost(host: string): string {
  const lower = host.toLowerCase()
  const isAddress = !lower.startsWith('[') && lower.indexOf(':') !== lower.lastIndexOf(':')
  return isAddress ? `[${plainAddress(lower).replace(/%.*$/, '')}]` : lower
}

/** An IPv4 address that came in through an IPv6 socket, as IPv4. */
function unmapped(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}

const loopbackOrigin = /^(https?):\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::([1-9][0-9]{0,4}))?$/

/**
 * Whether pages of an origin may send requests: loopback origins in the exact form that browsers write, and origins
 * that are listed exactly so. [2025-11-25 transports, security warning]
 */
export function isAllowedOrigin(origin: string, allowOrigins: readonly string[]): boolean {
  const form = loopbackOrigin.exec(origin)
  if (!form) return allowOrigins.includes(origin)
  const [, scheme, port] = form
  if (port === undefined) return true
  // A browser leaves out the default port of the scheme.
  return port !== (scheme === 'http' ? '80' : '443') && Number(port) <= 65_535
}

/**
 * The declared length of a body in bytes: undefined without a body, NaN if it is chunked.
 * @throws Refusal `request_too_large`
 */
export function declaredLength(
  contentLength: string | undefined,
  transferEncoding: string | undefined,
  maxBytes: number,
): number | undefined {
  if (transferEncoding !== undefined) return Number.NaN
  if (contentLength === undefined || contentLength === '0') return undefined
  // Node checks the form where it parses the headers itself; a framework may pass on any text.
  const length = /^\d+$/.test(contentLength) ? Number(contentLength) : Number.NaN
  if (!(length <= maxBytes)) throw new Refusal('request_too_large')
  return length
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const jsonType = new RegExp(
  `^application/json[ \\t]*((?:;[ \\t]*(?:${token}=(?:${token}|"[^"\\\\]*"))?[ \\t]*)*)$`,
  'i',
)
const charset = /;[ \t]*charset=(?:"([^"]*)"|([^;\s]*))/gi

/**
 * The body must be plain JSON in UTF-8. The type is parsed, not searched, because a page can send `text/plain` without
 * a preflight. Compressed bodies are refused because a small one can expand without bound.
 * @throws Refusal `unsupported_media_type`
 */
export function checkContent(contentType: string | undefined, contentEncoding: string | undefined): void {
  if (contentEncoding !== undefined && contentEncoding.toLowerCase() !== 'identity') refuseContent()
  if (contentType === 'application/json') return
  // More than 256 characters are never needed, and the limit bounds the work of the pattern.
  const form = contentType === undefined || contentType.length > 256 ? null : jsonType.exec(contentType)
  if (!form) return refuseContent()
  for (const match of (form[1] ?? '').matchAll(charset)) {
    if (!/^utf-?8$/i.test(match[1] ?? match[2] ?? '')) refuseContent()
  }
}

function refuseContent(): never {
  throw new Refusal('unsupported_media_type')
}

/**
 * Checks that the client accepts a form of answer. A POST is answered with JSON or an event stream; a client that
 * accepts only one of them gets that one. A GET is answered with an event stream. A POST to the messages path of
 * HTTP+SSE is answered on the stream, so its Accept does not matter. [2025-11-25 transports, sending messages 2;
 * 2026-07-28; 2024-11-05 transports]
 * @throws Refusal `not_acceptable`
 */
export function checkAccept(method: string, accept: string | undefined, path?: string): void {
  if (path !== undefined && readEndpointPath(path)?.kind === 'messages') return
  const forms = acceptedForms(accept)
  if (forms === 'none' || (method !== 'POST' && forms === 'json')) throw new Refusal('not_acceptable')
}
