// A server that a desktop client starts, as its configuration says, with mcplex inside:
//
//   "mcpServers": {
//     "my-server": {
//       "command": "node",
//       "args": ["./mcp-server.js"],
//       "env": { "MCP_MAX_CONNECTIONS": "50", "MCP_CONNECTION_POOL_SIZE": "10" }
//     }
//   }
//
// The client speaks to mcplex on stdin and stdout, and mcplex runs this same file again as the server, in as many
// processes as MCP_CONNECTION_POOL_SIZE allows. Both variables are read by mcplex itself; `mcplex serve --help` has the
// others. For clients over HTTP as well, run: mcplex serve -- node ./mcp-server.js --server

import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

if (process.argv[2] === '--server') await runServer()
else await runMcplex()

async function runServer() {
  const { McpServer } = await import('@modelcontextprotocol/server')
  const { StdioServerTransport } = await import('@modelcontextprotocol/server/stdio')
  const server = new McpServer({ name: 'my-server', version: '1.0.0' })
  let calls = 0
  server.registerTool('count', { description: 'Counts the calls of this client' }, () => ({
    content: [{ type: 'text', text: `call ${++calls} in process ${process.pid}` }],
  }))
  await server.connect(new StdioServerTransport())
}

async function runMcplex() {
  const manifest = createRequire(import.meta.url).resolve('mcplex/package.json')
  const command = join(dirname(manifest), 'dist', 'cli', 'main.js')
  const self = fileURLToPath(import.meta.url)
  process.argv.splice(1, Infinity, command, 'serve', '--transport', 'stdio', '--', process.execPath, self, '--server')
  await import(pathToFileURL(command).href)
}
