// The same as lists-by-session.mjs, with the older SDK.
//
//   mcplex up --config examples/lists-by-session.yaml

import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'

const unlocked = new Set()

const tool = (name, description) => ({ name, description, inputSchema: { type: 'object' } })

export default function createServer() {
  const server = new Server({ name: 'vault', version: '1.0.0' }, { capabilities: { tools: { listChanged: true } } })

  server.setRequestHandler(ListToolsRequestSchema, (_request, context) => {
    const tools = [tool('unlock', 'Opens the vault for this session')]
    if (unlocked.has(context.sessionId)) tools.push(tool('secret', 'Tells the secret'))
    return { tools }
  })

  server.setRequestHandler(CallToolRequestSchema, async ({ params }, context) => {
    if (params.name === 'unlock') {
      unlocked.add(context.sessionId)
      await server.sendToolListChanged()
      return { content: [{ type: 'text', text: 'open' }] }
    }
    const isOpen = params.name === 'secret' && unlocked.has(context.sessionId)
    return { content: [{ type: 'text', text: isOpen ? 'it is 42' : `there is no ${params.name}` }], isError: !isOpen }
  })
  return server
}
