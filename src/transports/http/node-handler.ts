/**
 * mcplex as a request listener for `node:http` servers of somebody else, Express and Fastify among them. Time limits
 * and broken connections are that server's own; all else is as on a server of ours.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Mountable } from './entry.ts'
import { createExchangeRunner } from './exchange-runner.ts'
import { type HandlerOptions, mountAt, mounted, type Mount } from './mount.ts'
import { lingerMs } from './respond.ts'
import { isServed, readTarget, type RequestTarget } from './routes.ts'

/** What `node:http` calls for each request. */
export type RequestListener = (request: IncomingMessage, response: ServerResponse) => void

/**
 * A request listener. It answers every request that it gets.
 * @throws TypeError if `options.path` is no path
 */
export function nodeHandler(gateway: Mountable, options: HandlerOptions = {}): RequestListener {
  const { path = '/mcp', ...settings } = options
  return listenerAt(mountAt(path), gateway, settings)
}

/** A request listener that finds itself by a mount of any kind. */
export function listenerAt(mount: Mount, gateway: Mountable, settings: Omit<HandlerOptions, 'path'>): RequestListener {
  const { http, slowReaderMs, clock, log, memory } = gateway.edge
  const edge = createExchangeRunner(gateway, { ...http, ...settings }, log, { clock, slowReaderMs, lingerMs, memory })
  return (request, response) => edge.serve(request, response, false, targetOf(request, mount))
}

/** What is asked for: by what a framework left of the path, or by the whole of it, as Express tells it. */
function targetOf(request: IncomingMessage, mount: Mount): RequestTarget {
  const target = readTarget(request.url ?? '')
  const left = mounted(mount, target)
  if (isServed(left.path) || !('baseUrl' in request) || typeof request.baseUrl !== 'string') return left
  // A path that the mount has used up shows as a slash.
  const rest = target.path === '/' ? '' : target.path
  return mounted(mount, { ...target, path: request.baseUrl + rest })
}
