/**
 * Carries exchanges to an MCP endpoint over HTTP. A failure tells whether anything may have reached the server, which
 * decides whether another attempt is safe. Credentials go into a header and nowhere else; a message that is refused for
 * them is sent again when there are others.
 */
import { ArrivingText } from '../base/arriving-text.ts'
import type { MemoryAccount } from '../base/memory-budget.ts'
import { Refusal } from '../base/refusal.ts'
import type { Cancel } from '../base/cancel.ts'
import type { Log } from '../base/log.ts'
import { version } from '../base/version.ts'
import type { Inbound, Outbound } from '../protocol/inbound.ts'
import { type ClientCredentials, lacksScope, type RefusedCredentials } from './client-credentials.ts'
import { headerOf } from './response-reader.ts'
import { causeOf, isUnsent } from './unsent.ts'

export interface HttpTransportNeeds {
  readonly url: URL
  readonly credentials: ClientCredentials
  /** The largest answer that is not a stream, in bytes. */
  readonly maxBytes: number
  /** Counts the received parts of answers that are not streams, until they are complete. */
  readonly memory: MemoryAccount
  readonly log: Log
}

const redirects = new Set([301, 302, 307, 308])
const maxRedirects = 5
/** How often one message may be refused and sent again with other credentials. */
const maxRenewals = 2

/**
 * Sends one exchange. Rejects with `endpoint_unreachable`, `connection_lost` or `cancelled`; for an answer that cannot
 * be taken, with `result_too_large`, `memory_share_exceeded` or `overloaded`.
 */
export type HttpTransport = (inbound: Inbound) => Promise<Outbound>

export function createHttpTransport({ url, credentials, maxBytes, memory, log }: HttpTransportNeeds): HttpTransport {
  let isUnreachable = false
  const noteUnreachable = (cause: string): void => {
    if (!isUnreachable) log.warn({ cause }, 'the server cannot be reached; trying again for a while')
    isUnreachable = true
  }

  let endpoint = url

  const attempt = async (inbound: Inbound, bearer: string | undefined): Promise<Outbound> => {
    const { method, closed } = inbound
    if (closed.cancelled) throw new Refusal('cancelled')
    const abort = new AbortController()
    const stop = closed.onCancel(() => abort.abort())
    const headers = new Headers()
    for (const [name, value] of Object.entries(inbound.headers)) if (typeof value === 'string') headers.set(name, value)
    headers.set('user-agent', `mcplex/${version}`)
    if (bearer !== undefined) headers.set('authorization', `Bearer ${bearer}`)
    try {
      const body = method === 'POST' ? { body: await inbound.body() } : {}
      let response = await fetch(endpoint, { method, headers, ...body, redirect: 'manual', signal: abort.signal })
      for (let hops = 0; hops < maxRedirects; hops++) {
        const moved = movedTo(response, endpoint)
        if (!moved) break
        log.info({ path: moved.pathname }, 'the endpoint has another address on the same origin')
        await response.body?.cancel()
        endpoint = moved
        response = await fetch(endpoint, { method, headers, ...body, redirect: 'manual', signal: abort.signal })
      }
      if (isUnreachable) log.info({}, 'the server is reached again')
      isUnreachable = false
      return await outboundOf(response, closed, stop, { maxBytes, memory })
    } catch (error) {
      stop()
      // Without this, the rest of a refused answer would still be received and kept.
      abort.abort()
      if (error instanceof Refusal) throw error
      if (closed.cancelled) throw new Refusal('cancelled')
      if (!isUnsent(error)) throw new Refusal('connection_lost', { cause: error })
      noteUnreachable(causeOf(error))
      throw new Refusal('endpoint_unreachable', { cause: error })
    }
  }

  return async (inbound) => {
    for (let renewals = 0; ; renewals++) {
      const bearer = await credentials.bearer()
      const outbound = await attempt(inbound, bearer)
      const refused = refusedCredentials(outbound, bearer, renewals > 0)
      // The end of a session is not worth new credentials.
      if (!refused || renewals >= maxRenewals || inbound.method === 'DELETE') return outbound
      if (!(await untilCancelled(credentials.renew(refused), inbound.closed))) return outbound
    }
  }
}

function refusedCredentials(
  outbound: Outbound,
  bearer: string | undefined,
  isAgain: boolean,
): RefusedCredentials | undefined {
  const { status } = outbound
  const challenge = headerOf(outbound, 'www-authenticate')
  if (status === 401 || (status === 403 && lacksScope(status, challenge))) return { status, bearer, challenge, isAgain }
  return undefined
}

/** @throws Refusal `cancelled` */
async function untilCancelled<Value>(promise: Promise<Value>, closed: Cancel): Promise<Value> {
  let stop = (): void => {}
  const cancelled = new Promise<never>((_, reject) => {
    stop = closed.onCancel(() => reject(new Refusal('cancelled')))
  })
  // It may fire when the race is over.
  cancelled.catch(() => {})
  try {
    return await Promise.race([promise, cancelled])
  } finally {
    stop()
  }
}

/**
 * The target of a redirect, if it stays on the same origin: another origin must get neither the key nor the messages.
 * The method stays the same, because an endpoint accepts messages only by POST.
 */
function movedTo(response: Response, from: URL): URL | undefined {
  const location = redirects.has(response.status) ? response.headers.get('location') : null
  if (location === null || !URL.canParse(location, from.href)) return undefined
  const to = new URL(location, from)
  return to.origin === from.origin && to.href !== from.href ? to : undefined
}

async function outboundOf(
  response: Response,
  closed: Cancel,
  stop: () => void,
  { maxBytes, memory }: Pick<HttpTransportNeeds, 'maxBytes' | 'memory'>,
): Promise<Outbound> {
  const { status } = response
  const headers = Object.fromEntries(response.headers)
  // An error is never read as a stream, whatever its content type: its body must be read to the end.
  const isStream = status < 300 && headers['content-type']?.toLowerCase().startsWith('text/event-stream') === true
  if (isStream && response.body) {
    return { status, headers, body: pieces(response.body, closed, stop) }
  }
  let [text, bytes] = ['', 0]
  const decoder = new TextDecoder()
  const arriving = new ArrivingText(memory)
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.byteLength
      if (bytes > maxBytes) throw new Refusal('result_too_large')
      const piece = decoder.decode(chunk, { stream: true })
      arriving.add(piece)
      text += piece
    }
  } finally {
    arriving.end()
  }
  stop()
  return { status, headers, body: text + decoder.decode() }
}

/** The pieces of a stream. The consumer pulls them, so that a slow client slows the server. */
async function* pieces(body: AsyncIterable<Uint8Array>, closed: Cancel, stop: () => void): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  try {
    for await (const chunk of body) yield decoder.decode(chunk, { stream: true })
  } catch (error) {
    if (!closed.cancelled) throw new Refusal('connection_lost', { cause: error })
  } finally {
    stop()
  }
}
