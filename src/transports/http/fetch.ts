/**
 * mcplex as `fetch`: a web `Request` in, a `Response` out, for Hono, Next.js and whatever else speaks those two.
 * Promises what the handler for `node:http` promises, as far as a `Request` shows it: the same checks in the same
 * order, bounded bodies, and streams that go as fast as they are read. Headers sent twice arrive as one value, joined
 * by a comma, which none of those that matter can be: such requests are refused by their value.
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
   * Names the client of a request, as by its address: while clients wait for room, each name gets its turn. Without
   * it, whoever sends more requests gets more turns. `rest` is what the server hands over besides the request.
   */
  readonly clientOf?: (request: Request, ...rest: Rest) => string
}

/**
 * A function that answers every request it gets, and rejects only with what `clientOf` throws. That a client went away
 * it learns from `request.signal`, and from the response being cancelled.
 * @throws TypeError if `options.path` is no path
 */
export function fetchHandler<Rest extends readonly unknown[] = readonly unknown[]>(
  gateway: Mountable,
  options: FetchOptions<Rest> = {},
): (request: Request, ...rest: Rest) => Promise<Response> {
  const { path = '/mcp', clientOf, ...settings } = options
  const { clock, log, memory } = gateway.edge
  const http = { ...gateway.edge.http, ...settings }
  const mount = mountAt(path)
  const entry = createEntry(gateway, http, log, clock)
  const transfers = new Transfers(memory, clock, Infinity, () =>
    entry.refusals.refused('overloaded', { cause: slowClient }),
  )
  // There is no telling which requests share a connection.
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
    const name = clientOf === undefined ? `f${++count}` : clientOf(request, ...rest)
    const target = mounted(mount, readTarget(request.url))
    const fetchRequest = new FetchRequest(request, target, name, http.maxBodyBytes, holder)
    const outbound = await answer(fetchRequest, target)
    fetchRequest.bodyServed()
    return responseOf(fetchRequest, outbound, gateway.edge)
  }
}
