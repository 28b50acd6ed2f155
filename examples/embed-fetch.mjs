// mcplex as a function from Request to Response, for any server of such functions: here @hono/node-server. In other
// frameworks it is one line, too, for example in Next.js:
//
//   export { mcp as GET, mcp as POST, mcp as DELETE, mcp as OPTIONS }      // Next.js, app/mcp/route.js
//
//   node examples/embed-fetch.mjs                          # in front of the reference server "everything"
//   node examples/embed-fetch.mjs node my-server.js        # in front of another one
//   PORT=9000 node examples/embed-fetch.mjs
//
// docs/embedding.md explains the rest.

import { serve } from '@hono/node-server'
import { createGateway } from 'mcplex'
import { fetchHandler } from 'mcplex/fetch'

const [command = 'npx', ...args] =
  process.argv.length > 2 ? process.argv.slice(2) : ['npx', '-y', '@modelcontextprotocol/server-everything']

const gateway = createGateway({ upstream: { command, args } })
const facts = await gateway.start()

// Serves /mcp, /health, /livez and /readyz.
const mcp = fetchHandler(gateway)

async function answer(request) {
  if (new URL(request.url).pathname !== '/') return mcp(request)
  return new Response(`${facts.serverName} is at /mcp\n`)
}

const server = serve({ fetch: answer, port: Number(process.env.PORT ?? 8080), hostname: '127.0.0.1' }, ({ port }) => {
  console.log(`ready: http://127.0.0.1:${port}/mcp (${facts.serverName}, ${facts.tools} tools)`)
})

async function shutdown() {
  await gateway.drain()
  server.close()
  server.closeAllConnections()
  await gateway.close()
}
process.once('SIGTERM', () => void shutdown())
process.once('SIGINT', () => void shutdown())
