// mcplex in an Express app, beside its own routes.
//
//   node examples/embed-express.mjs                          # in front of the reference server "everything"
//   node examples/embed-express.mjs node my-server.js        # in front of another one
//   PORT=9000 node examples/embed-express.mjs
//
// docs/embedding.md explains the rest.

import express from 'express'
import { createGateway } from 'mcplex'
import { nodeHandler } from 'mcplex/node'

const [command = 'npx', ...args] =
  process.argv.length > 2 ? process.argv.slice(2) : ['npx', '-y', '@modelcontextprotocol/server-everything']

const gateway = createGateway({ upstream: { command, args } })
const facts = await gateway.start()

const app = express()
// Serves /api/mcp, /api/health, /api/livez and /api/readyz. Middleware that must run first, such as authentication,
// goes
// before this line. Body parsers may come before it too, but after it each body is parsed only once.
app.use('/api', nodeHandler(gateway))
app.use(express.json())
app.get('/', (_request, response) => response.type('text').send(`${facts.serverName} is at /api/mcp\n`))

const server = app.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  console.log(`ready: http://127.0.0.1:${server.address().port}/api/mcp (${facts.serverName}, ${facts.tools} tools)`)
})

async function shutdown() {
  await gateway.drain()
  server.close()
  server.closeAllConnections()
  await gateway.close()
}
process.once('SIGTERM', () => void shutdown())
process.once('SIGINT', () => void shutdown())
