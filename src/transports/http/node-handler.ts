/**
 * mcplex as a request listener for any `node:http` server, also those of Express and Fastify. Time limits and broken
 * connections are handled by that server; all else is as on a standalone mcplex.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Mountable } from './entry.ts'
import { createExchangeRunner } from './exchange-runner.ts'
import { type HandlerOptions, mountAt, mounted, type Mount } from './mount.ts'
import { lingerMs } from './respond.ts'
import { isServed, readTarget, type RequestTarget } from './routes.ts'

/** A listener for the `request` event of `node:http`. */
export type RequestListener = (request: IncomingMessage, response: ServerResponse) => void

/**
 * Creates a request listener, which answers every request that it gets.
 * @throws TypeError if `options.path` is not a path
 */
export function nodeHandler(gateway: Mountable, options: HandlerOptions = {}): RequestListener {
  const { path = '/mcp', ...settings } = options
  return listenerAt(mountAt(path), gateway, settings)
}

/** Creates a request listener with any mount. */
export function listenerAt(mount: Mount, gateway: Mountable, settings: Omit<HandlerOptions, 'path'>): RequestListener {
  const { http, slowReaderMs, clock, log, memory } = gateway.transportServices
  const runner = createExchangeRunner(gateway, { ...http, ...settings }, log, { clock, slowReaderMs, lingerMs, memory })
  return (request, response) => runner.serve(request, response, false, targetOf(request, mount))
}

/** The target of a request: by the rest of the path below a mount, or by the whole path, which Express also gives. */
function targetOf(request: IncomingMessage, mount: Mount): RequestTarget {
  const target = readTarget(request.url ?? '')
  const relative = mounted(mount, target)
  if (isServed(relative.path) || !('baseUrl' in request) || typeof request.baseUrl !== 'string') return relative
  // If the mount covers the whole path, Express gives a slash as the rest.
  const rest = target.path === '/' ? '' : target.path
  return mounted(mount, { ...target, path: request.baseUrl + rest })
}
