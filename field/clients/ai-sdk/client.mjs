// The MCP client of the AI SDK.

import { createMCPClient } from '@ai-sdk/mcp'

/** @type {import('../many-clients.mjs').Connect} */
export async function connect(url) {
  const client = await createMCPClient({ transport: { type: 'http', url } })
  const tools = await client.tools()
  return {
    tools: () => Object.keys(tools),
    async call(name, args) {
      const { content } = await tools[name].execute(args, { toolCallId: 'call', messages: [] })
      return content[0].text
    },
    close: () => client.close(),
  }
}
