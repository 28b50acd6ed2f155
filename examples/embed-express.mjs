// mcplex in an Express app, beside its own routes.
//
//   node examples/embed-express.mjs                          # in front of the reference server "everything"
//   node examples/embed-express.mjs node my-server.js        # in front of another one
//   PORT=9000 node examples/embed-express.mjs
//
// docs/embedding.md explains what is not explained here.

import express from 'express'
import { createGateway } from 'mcplex'
import { nodeHandler } from 'mcplex/node'

const [command = 'npx', ...args] =
  process.argv.length > 2 ? process.argv.slice(2) : ['npx', '-y', '@modelcontextprotocol/server-everything']

const gateway = createGateway({ upstream: { command, args } })
const facts = await gateway.start()

const app = express()
// Serves /api/mcp, /api/health, /api/livez and /api/readyz. What has to be checked before, as who is asking, is
// middleware before this line; body parsers do not have to come after it, but then bodies are read once, not twice.
app.use('/api', nodeHandler(gateway))
app.use(express.json())
app.get('/', (_request, response) => response.type('text').send(`${facts.serverName} is at /api/mcp\n`))

const server = app.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  console.log(`ready: http://127.0.0.1:${server.address().port}/api/mcp (${facts.serverName}, ${facts.tools} tools)`)
})

async function end() {
  await gateway.drain()
  server.close()
  server.closeAllConnections()
  await gateway.close()
}
process.once('SIGTERM', () => void end())
process.once('SIGINT', () => void end())
