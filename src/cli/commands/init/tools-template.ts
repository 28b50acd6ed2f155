/** The text of a new module with tools. */
export const newTools = `// An MCP server of your own, which mcplex serves to many clients at once. All about it: docs/tools.md
import { McpServer } from '@modelcontextprotocol/server'
import { useCall } from 'mcplex/tools'
import * as z from 'zod'

// mcplex calls this function once for each session: what it keeps in variables belongs to one client.
export default function createServer() {
  const server = new McpServer({ name: 'mine', version: '1.0.0' })

  server.registerTool(
    'remember',
    { description: 'Remembers a note in this session', inputSchema: z.object({ note: z.string() }) },
    async ({ note }) => {
      // The caller of this call: client, session, cancellation, progress, questions to the user.
      const { session, client } = useCall()
      // A client of the stateless revision has no session.
      const notes = (await session?.update('notes', (before = []) => [...before, note])) ?? []
      return { content: [{ type: 'text', text: \`\${client.name}, these are your notes: \${notes.join(', ')}\` }] }
    },
  )

  return server
}
`
