// mcplex in a Hono app, beside its own routes.
//
//   node examples/embed-hono.mjs                          # in front of the reference server "everything"
//   node examples/embed-hono.mjs node my-server.js        # in front of another one
//   PORT=9000 node examples/embed-hono.mjs
//
// docs/embedding.md explains the rest.

import { serve } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import { Hono } from 'hono'
import { createGateway } from 'mcplex'
import { fetchHandler } from 'mcplex/fetch'

const [command = 'npx', ...args] =
  process.argv.length > 2 ? process.argv.slice(2) : ['npx', '-y', '@modelcontextprotocol/server-everything']

const gateway = createGateway({ upstream: { command, args } })
const facts = await gateway.start()

// Serves /api/mcp, /api/health, /api/livez and /api/readyz. With `clientOf`, clients that wait for admission are served
// in turn, by address; it can be left out.
const mcp = fetchHandler(gateway, {
  path: '/api/mcp',
  clientOf: (_request, context) => getConnInfo(context).remote.address ?? '',
})

const app = new Hono()
app.all('/api/*', (context) => mcp(context.req.raw, context))
app.get('/', (context) => context.text(`${facts.serverName} is at /api/mcp\n`))

const server = serve(
  { fetch: app.fetch, port: Number(process.env.PORT ?? 8080), hostname: '127.0.0.1' },
  ({ port }) => {
    console.log(`ready: http://127.0.0.1:${port}/api/mcp (${facts.serverName}, ${facts.tools} tools)`)
  },
)

async function shutdown() {
  await gateway.drain()
  server.close()
  server.closeAllConnections()
  await gateway.close()
}
process.once('SIGTERM', () => void shutdown())
process.once('SIGINT', () => void shutdown())
