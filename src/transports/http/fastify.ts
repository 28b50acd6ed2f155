/**
 * mcplex as a Fastify plugin. All that Fastify needs beyond a request listener: to leave bodies alone, and to be told
 * that the answer is written by somebody else. Hooks of the program run before, as for any other route.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { messagesPath, streamPath } from '../../protocol/http-sse.ts'
import type { Mountable } from './entry.ts'
import { beside, type HandlerOptions } from './mount.ts'
import { listenerAt } from './node-handler.ts'
import { endpointPath, isServed, probePaths } from './routes.ts'

/** As much of a Fastify instance as is used here. */
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
  /** Whether `/health`, `/livez` and `/readyz` are served beside the endpoint; true if nothing is said. */
  readonly probes?: boolean
}

/** `app.register(fastifyPlugin(gateway))`, with a `prefix` if that is wanted: `options.path` comes after it. */
export function fastifyPlugin(
  gateway: Mountable,
  options: FastifyPluginOptions = {},
): (scope: FastifyScope, options: unknown, done: () => void) => void {
  const { path = '/mcp', probes = true, ...settings } = options
  return (scope, _options, done) => {
    const answer = listenerAt(ofRouted, gateway, settings)
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _payload, ready) => ready(null))
    const others = probes ? [...streamPaths, ...probePaths] : streamPaths
    for (const each of [path, ...others.map((other) => beside(path, other))])
      scope.all(each, (request, reply) => {
        reply.hijack()
        answer(request.raw, reply.raw)
      })
    done()
  }
}

/** The transport HTTP+SSE, which answers as the gateway is told to. */
const streamPaths: readonly string[] = [streamPath, messagesPath]

/** Fastify has chosen, by paths that may have parameters: what lies beside the endpoint is told by its name. */
function ofRouted(shown: string): string {
  const name = shown.slice(shown.lastIndexOf('/'))
  return isServed(name) ? name : endpointPath
}
