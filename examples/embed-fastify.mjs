// mcplex in a Fastify app, beside its own routes.
//
//   node examples/embed-fastify.mjs                          # in front of the reference server "everything"
//   node examples/embed-fastify.mjs node my-server.js        # in front of another one
//   PORT=9000 node examples/embed-fastify.mjs
//
// docs/embedding.md explains the rest.

import { fastify } from 'fastify'
import { createGateway } from 'mcplex'
import { fastifyPlugin } from 'mcplex/node'

const [command = 'npx', ...args] =
  process.argv.length > 2 ? process.argv.slice(2) : ['npx', '-y', '@modelcontextprotocol/server-everything']

const gateway = createGateway({ upstream: { command, args } })
const facts = await gateway.start()

// Without forceCloseConnections, close() waits for event streams that clients keep open.
const app = fastify({ forceCloseConnections: true })
// Serves /api/mcp, /api/health, /api/livez and /api/readyz, after the hooks of the app.
await app.register(fastifyPlugin(gateway), { prefix: '/api' })
app.get('/', () => `${facts.serverName} is at /api/mcp\n`)

// Drain before the sockets close; the processes end last.
app.addHook('preClose', () => gateway.drain())
app.addHook('onClose', () => gateway.close())
process.once('SIGTERM', () => void app.close())
process.once('SIGINT', () => void app.close())

const url = await app.listen({ port: Number(process.env.PORT ?? 8080), host: '127.0.0.1' })
console.log(`ready: ${url}/api/mcp (${facts.serverName}, ${facts.tools} tools)`)
