// A low-level server whose list of tools depends on the session: `unlock` shows one more tool, to its own session alone.
// It is a module for mcplex, with the newer SDK; lists-by-session-v1.mjs is the same with the older one.
//
//   mcplex up --config examples/lists-by-session.yaml
//
// docs/tools.md explains it.

import { Server } from '@modelcontextprotocol/server'

// Shared by all sessions of this process, as it would be in any other server.
const unlocked = new Set()

const tool = (name, description) => ({ name, description, inputSchema: { type: 'object' } })

export default function createServer() {
  const server = new Server({ name: 'vault', version: '1.0.0' }, { capabilities: { tools: { listChanged: true } } })

  server.setRequestHandler('tools/list', (_request, context) => {
    const tools = [tool('unlock', 'Opens the vault for this session')]
    if (unlocked.has(context.sessionId)) tools.push(tool('secret', 'Tells the secret'))
    return { tools }
  })

  server.setRequestHandler('tools/call', async ({ params }, context) => {
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
