// mcplex inside your own program: one `node:http` server that serves its own pages and, beside them, MCP.
//
//   node examples/embed-node-http.mjs                          # in front of the reference server "everything"
//   node examples/embed-node-http.mjs node my-server.js        # in front of another one
//   PORT=9000 node examples/embed-node-http.mjs
//
// docs/embedding.md explains each step.

import { createServer } from 'node:http'
import { createGateway } from 'mcplex'
import { nodeHandler } from 'mcplex/node'

const [command = 'npx', ...args] =
  process.argv.length > 2 ? process.argv.slice(2) : ['npx', '-y', '@modelcontextprotocol/server-everything']
const port = Number(process.env.PORT ?? 8080)

// 1. Create a gateway from settings. Nothing runs yet. docs/configuration.md has the defaults.
const gateway = createGateway({
  upstream: { command, args },
  limits: { maxConnections: 200 },
  sessions: { idleTimeoutMs: 10 * 60_000 },
})

// 2. The gateway reports what happens as typed events: count them, log them, export them.
let calls = 0
gateway.events.on('callEnded', ({ method, status, durationMs }) => {
  calls++
  console.log(`${method} ${status} in ${durationMs} ms`)
})

// 3. Start the MCP server behind it. Throws CommandStartError with the command, its exit and its last output.
const facts = await gateway.start()

// 4. Mount it. The handler answers /mcp, /health, /livez, /readyz and the old transport on /sse and /messages, and all
// other paths with 404: your own pages come first.
const mcp = nodeHandler(gateway)

const server = createServer((request, response) => {
  if (request.url !== '/') return mcp(request, response)
  response.writeHead(200, { 'Content-Type': 'text/plain' })
  response.end(`${facts.serverName ?? command}: ${calls} calls so far\n`)
})

server.listen(port, '127.0.0.1', () => {
  console.log(`ready: http://127.0.0.1:${server.address().port}/mcp (${facts.serverName}, ${facts.tools} tools)`)
})

// 5. Shut down in this order: refuse new work and wait for calls in flight, close the sockets, end the processes.
async function shutdown() {
  await gateway.drain()
  server.close()
  server.closeAllConnections()
  await gateway.close()
}
process.once('SIGTERM', () => void shutdown())
process.once('SIGINT', () => void shutdown())
