/** Every way to put a gateway behind HTTP, each on a free port: what they have in common is checked by one suite. */
import { createServer, type RequestListener } from 'node:http'
import { createRequire } from 'node:module'
import { createAdaptorServer } from '@hono/node-server'
import { fastify } from 'fastify'
import { Hono } from 'hono'
import { fetchHandler } from '../../src/transports/http/fetch.ts'
import { fastifyPlugin, listen, type Mountable, nodeHandler } from '../../src/transports/http/listen.ts'
import { httpSettings } from './fake-gateway.ts'

export interface Mounted {
  readonly port: number
  close(): Promise<void>
}

export interface MountKind {
  readonly name: string
  /** The path of the endpoint. */
  readonly endpoint: string
  open(gateway: Mountable): Promise<Mounted>
}

/** As much of Express as the tests use; its types are a package that nothing else needs. */
export interface ExpressApp extends RequestListener {
  use(...handlers: readonly unknown[]): void
}

interface Express {
  (): ExpressApp
  json(): unknown
  raw(options: object): unknown
  text(options: object): unknown
}

export const express: Express = createRequire(import.meta.url)('express')

/** Serves on a free port. */
export async function serveOn(server: ReturnType<typeof createServer>): Promise<Mounted> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => void server.close(() => resolve()))
    },
  }
}

export const mountKinds: readonly MountKind[] = [
  {
    name: 'a server of its own',
    endpoint: '/mcp',
    async open(gateway) {
      const { slowReaderMs, log } = gateway.transportServices
      const listener = await listen(gateway, httpSettings, log, { slowReaderMs, lingerMs: 100 })
      return {
        port: listener.port,
        close() {
          listener.cut()
          return listener.close()
        },
      }
    },
  },
  {
    name: 'a handler for node:http',
    endpoint: '/mcp',
    open: (gateway) => serveOn(createServer(nodeHandler(gateway))),
  },
  {
    name: 'a handler in Express, behind a mount',
    endpoint: '/api/mcp',
    open(gateway) {
      const app = express()
      app.use('/api', nodeHandler(gateway))
      return serveOn(createServer(app))
    },
  },
  {
    name: 'a plugin of Fastify, with a prefix',
    endpoint: '/api/mcp',
    async open(gateway) {
      const app = fastify({ forceCloseConnections: true })
      await app.register(fastifyPlugin(gateway), { prefix: '/api' })
      const url = await app.listen({ port: 0, host: '127.0.0.1' })
      return { port: Number(new URL(url).port), close: () => app.close() }
    },
  },
  {
    name: 'a fetch function in Hono',
    endpoint: '/api/mcp',
    open(gateway) {
      const app = new Hono()
      const mcp = fetchHandler(gateway, { path: '/api/mcp' })
      app.all('/api/*', (context) => mcp(context.req.raw))
      // Made by createServer, as no options say otherwise.
      return serveOn(createAdaptorServer({ fetch: app.fetch }) as ReturnType<typeof createServer>)
    },
  },
]
