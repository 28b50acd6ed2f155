/** A `fetch` for the SDKs that goes the way of a requester: HTTP/2, or a Unix socket. Speaks what they need of it. */
import type { Requester } from '../compatibility/transports/http-exchange.ts'

const methods = ['GET', 'POST', 'DELETE'] as const
const passedOn = ['content-type', 'mcp-session-id']
const bodyless = 204

export function fetchBy(requester: Requester): typeof fetch {
  return async (input, init = {}) => {
    const { pathname, search } = new URL(input instanceof Request ? input.url : input)
    const method = methods.find((one) => one === (init.method ?? 'GET'))
    if (method === undefined) throw new Error(`no ${init.method} here`)
    const encoder = new TextEncoder()
    const pipe = new TransformStream<Uint8Array, Uint8Array>(undefined, undefined, { highWaterMark: 1_000_000 })
    const writer = pipe.writable.getWriter()
    const ended = (): void => void writer.close().catch(() => {})
    const exchange = await requester.ask({
      method,
      path: pathname + search,
      headers: Object.fromEntries(new Headers(init.headers)),
      ...(typeof init.body === 'string' && { body: init.body }),
      onText: (text) => void writer.write(encoder.encode(text)).catch(() => {}),
    })
    const { status, header, over, cut } = exchange
    writer.closed.catch(cut)
    const aborted = (): void => {
      cut()
      void writer.abort(init.signal?.reason).catch(() => {})
    }
    init.signal?.addEventListener('abort', aborted)
    // The SDKs use one signal for all requests of a connection.
    const release = (): void => {
      init.signal?.removeEventListener('abort', aborted)
      ended()
    }
    over.then(release, release)
    const headers = passedOn.flatMap((name): Array<[string, string]> => {
      const value = header(name)
      return value === undefined ? [] : [[name, value]]
    })
    return new Response(status === bodyless ? undefined : pipe.readable, { status, headers })
  }
}
