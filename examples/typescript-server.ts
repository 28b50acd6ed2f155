// An MCP server in TypeScript for many users at once: each client has a session of its own, and every session its notes.
//
//   node examples/typescript-server.ts           # Node 22.18 and later
//   npx tsx examples/typescript-server.ts        # any Node from 20.19 on
//   PORT=9000 node examples/typescript-server.ts
//
// docs/tools.md explains each step.

import { createServer } from 'node:http'
import { McpServer } from '@modelcontextprotocol/server'
import { createGateway } from 'mcplex'
import { nodeHandler } from 'mcplex/node'
import { useCall } from 'mcplex/tools'
import * as z from 'zod'

// What is kept for a session, by key.
interface State {
  notes: string[]
}

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] })

// 1. A function that makes a server of the official SDK. mcplex calls it once for each session.
function createNotes(): McpServer {
  const server = new McpServer({ name: 'notes', version: '1.0.0' })

  server.registerTool(
    'add-note',
    { description: 'Adds a note to this session', inputSchema: z.object({ note: z.string() }) },
    async ({ note }) => {
      // 2. The handler knows its own caller. A client of the stateless revision has no session.
      const { session } = useCall<State>()
      if (!session) return text('Notes need a session: connect with initialize.')
      const notes = await session.update('notes', (before = []) => [...before, note])
      return text(`You have ${notes.length} notes.`)
    },
  )

  server.registerTool('list-notes', { description: 'Lists the notes of this session' }, async () => {
    const { session, client } = useCall<State>()
    const notes = (await session?.get('notes')) ?? []
    return text([`Notes of ${client.name ?? 'someone'}:`, ...notes].join('\n'))
  })
  return server
}

// 3. The gateway in front of it: 50 clients at once, ten minutes for a session, five without a message.
const gateway = createGateway({
  upstreams: { notes: { module: createNotes } },
  maxConnections: 50,
  connectionTimeout: 600_000,
  idleTimeout: 300_000,
})
await gateway.start()

// 4. The endpoint, for clients of all revisions and transports.
const server = createServer(nodeHandler(gateway))
server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () => {
  const address = server.address()
  console.log(`ready: http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/mcp`)
})

async function shutdown(): Promise<void> {
  await gateway.drain()
  server.close()
  server.closeAllConnections()
  await gateway.close()
}
process.once('SIGTERM', () => void shutdown())
process.once('SIGINT', () => void shutdown())
