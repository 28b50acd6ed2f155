/**
 * mcplex as a Fastify plugin. Beyond a request listener, Fastify must be told not to parse bodies and not to write the
 * answer. Hooks of the program run before, as for any other route.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { endpointPath, messagesPath, streamPath } from '../../protocol/endpoint-path.ts'
import type { Mountable } from './entry.ts'
import { beside, type HandlerOptions } from './mount.ts'
import { listenerAt, type RequestListener } from './node-handler.ts'
import { isServed, probePaths } from './routes.ts'

/** The part of a Fastify instance that is used here. */
export interface FastifyScope {
  readonly prefix: string
  removeAllContentTypeParsers(): unknown
  addContentTypeParser(
    type: string,
    parser: (request: unknown, payload: unknown, done: (error: null) => void) => void,
  ): unknown
  all(path: string, handler: (request: FastifyRequest, reply: FastifyReply) => void): unknown
}

interface FastifyRequest {
  readonly raw: IncomingMessage
}

interface FastifyReply {
  readonly raw: ServerResponse
  hijack(): unknown
}

export interface FastifyPluginOptions extends HandlerOptions {
  /** Whether `/health`, `/livez` and `/readyz` are served beside the endpoint; true by default. */
  readonly probes?: boolean
}

/** Used as `app.register(fastifyPlugin(gateway))`, optionally with a `prefix`: `options.path` is relative to it. */
export function fastifyPlugin(
  gateway: Mountable,
  options: FastifyPluginOptions = {},
): (scope: FastifyScope, options: unknown, done: () => void) => void {
  const { path = '/mcp', probes = true, ...settings } = options
  return (scope, _options, done) => {
    const serveAt = (each: string, answer: RequestListener): unknown =>
      scope.all(each, (request, reply) => {
        reply.hijack()
        answer(request.raw, reply.raw)
      })
    const answer = listenerAt(fromRouted, gateway, settings)
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _payload, ready) => ready(null))
    const others = probes ? [...streamPaths, ...probePaths] : streamPaths
    for (const each of [path, ...others.map((other) => beside(path, other))]) serveAt(each, answer)
    if (mayHaveNames(path)) {
      const answerNamed = listenerAt(fromNamed, gateway, settings)
      for (const each of [path, ...streamPaths.map((other) => beside(path, other))])
        serveAt(`${each}/:endpoint`, answerNamed)
    }
    done()
  }
}

/** The paths of HTTP+SSE. They are always mounted; the gateway refuses them if its settings say so. */
const streamPaths: readonly string[] = [streamPath, messagesPath]

/**
 * The mcplex path for a request that Fastify has routed. Its paths may have parameters, so only the last segment tells
 * a probe or HTTP+SSE from the endpoint.
 */
function fromRouted(shown: string): string {
  const name = shown.slice(shown.lastIndexOf('/'))
  return isServed(name) ? name : endpointPath
}

/** Whether the endpoints of single upstreams and views are served, too: not below a path that has parameters of its own. */
function mayHaveNames(path: string): boolean {
  return path !== '/' && !/[:*]/.test(path)
}

/** The mcplex path of a named endpoint: the last segment is its name, and the one before may be that of HTTP+SSE. */
function fromNamed(shown: string): string {
  const [parent = '', name = ''] = shown.split('/').slice(-2)
  return streamPaths.includes(`/${parent}`) ? `/${parent}/${name}` : `${endpointPath}/${name}`
}
