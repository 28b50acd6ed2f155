/**
 * mcplex as a request listener for `node:http` servers of somebody else, Express and Fastify among them. Time limits
 * and broken connections are that server's own; all else is as on a server of ours.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Served } from './door.ts'
import { createEdge } from './edge.ts'
import { mountAt, mounted, type Mount } from './mount.ts'
import type { HttpSettings } from './options.ts'
import { lingerMs } from './respond.ts'
import { isServed, readTarget, type Target } from './routes.ts'

/** A gateway, with what it was told of HTTP. */
export interface Mountable extends Served {
  readonly edge: {
    readonly http: Pick<HttpSettings, 'host' | 'allowHosts' | 'allowOrigins' | 'maxBodyBytes'>
    readonly slowReaderMs: number
    readonly clock: Clock
    readonly log: Log
  }
}

/** What one handler does otherwise than its gateway says. */
export interface HandlerOptions extends Partial<Pick<HttpSettings, 'allowHosts' | 'allowOrigins' | 'maxBodyBytes'>> {
  /**
   * The path of the endpoint, `/mcp` if nothing is said: as clients write it, or what a framework leaves of it behind
   * a mount. `*`: the framework has chosen, and each request is for the endpoint.
   */
  readonly path?: string
}

/**
 * A request listener. It answers every request that it gets.
 * @throws TypeError if `options.path` is no path
 */
export function nodeHandler(
  gateway: Mountable,
  options: HandlerOptions = {},
): (request: IncomingMessage, response: ServerResponse) => void {
  const { path = '/mcp', ...settings } = options
  const { http, slowReaderMs, clock, log } = gateway.edge
  const mount = mountAt(path)
  const edge = createEdge(gateway, { ...http, ...settings }, log, { clock, slowReaderMs, lingerMs })
  return (request, response) => edge.serve(request, response, false, targetOf(request, mount))
}

/** What is asked for: by what a framework left of the path, or else by the whole of it, as Express keeps it. */
function targetOf(request: IncomingMessage, mount: Mount): Target {
  const left = mounted(mount, readTarget(request.url ?? ''))
  if (isServed(left.path) || !('originalUrl' in request) || typeof request.originalUrl !== 'string') return left
  return mounted(mount, readTarget(request.originalUrl))
}
