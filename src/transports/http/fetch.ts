/**
 * mcplex as a fetch handler, from a web `Request` to a `Response`, for Hono, Next.js and other servers of this
 * interface. Promises what the handler for `node:http` promises, as far as a `Request` allows: the same checks in the
 * same order, bounded bodies, and streams as fast as they are read. A header sent twice arrives as one value joined by
 * a comma; no header that must be single may hold a comma, so such a request is refused for that value.
 */
import { holderOf, Transfers } from '../../base/transfers.ts'
import type { Outbound } from '../../protocol/inbound.ts'
import { errorResponse, refusalText } from '../../protocol/error-response.ts'
import { createEntry, type Mountable } from './entry.ts'
import { checkHeaders } from './guard.ts'
import { slowClient } from './body-memory.ts'
import { type HandlerOptions, mountAt, mounted } from './mount.ts'
import { readTarget, type RequestTarget } from './routes.ts'
import { responseOf } from './fetch-response.ts'
import { FetchRequest } from './fetch-request.ts'

export type { HandlerOptions, Mountable }

export interface FetchOptions<Rest extends readonly unknown[] = readonly unknown[]> extends HandlerOptions {
  /**
   * Names the client of a request, for example by its address: clients that wait for admission are served in turn, by
   * name. Without it, a client with more requests is served more often. `rest` holds the other arguments of the
   * handler.
   */
  readonly clientOf?: (request: Request, ...rest: Rest) => string
  /**
   * The IP address of the other end of the connection, which a `Request` does not show: with it, a proxy can be trusted by its
   * address (`auth.proxy.from`). Take it from the server (`conninfo` of Hono, `requestIP` of Bun), never from a header.
   */
  readonly remoteAddressOf?: (request: Request, ...rest: Rest) => string | undefined
}

/**
 * Creates a handler that answers every request, and rejects only with what `clientOf` or `remoteAddressOf` throws. It notices a disconnect
 * of the client by `request.signal`, or when the response is cancelled.
 * @throws TypeError if `options.path` is not a path
 */
export function fetchHandler<Rest extends readonly unknown[] = readonly unknown[]>(
  gateway: Mountable,
  options: FetchOptions<Rest> = {},
): (request: Request, ...rest: Rest) => Promise<Response> {
  const { path = '/mcp', clientOf, remoteAddressOf, ...settings } = options
  const { clock, log, memory } = gateway.transportServices
  const http = { ...gateway.transportServices.http, ...settings }
  const mount = mountAt(path)
  const entry = createEntry(gateway, http, log, clock)
  const transfers = new Transfers(memory, clock, Infinity, () =>
    entry.refusals.refused('overloaded', { cause: slowClient }),
  )
  // All requests share one account, because a Request does not show its connection.
  const holder = holderOf(transfers, memory.account())
  let count = 0

  async function answer(fetchRequest: FetchRequest, target: RequestTarget): Promise<Outbound> {
    try {
      checkHeaders([...fetchRequest.request.headers].flat())
      return await entry.answer(fetchRequest, target, fetchRequest.headers['host'], undefined)
    } catch (error) {
      const refusal = entry.refusalOf(error)
      return fetchRequest.method === 'POST' ? refusalText(refusal) : errorResponse(refusal)
    }
  }

  return async (request, ...rest) => {
    const peer = {
      connection: clientOf === undefined ? `f${++count}` : clientOf(request, ...rest),
      remoteAddress: remoteAddressOf?.(request, ...rest),
    }
    const target = mounted(mount, readTarget(request.url))
    const fetchRequest = new FetchRequest(request, target, peer, http.maxBodyBytes, holder)
    const outbound = await answer(fetchRequest, target)
    fetchRequest.bodyServed()
    return responseOf(fetchRequest, outbound, gateway.transportServices)
  }
}
