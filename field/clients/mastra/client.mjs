// The MCP client of Mastra.

import { MCPClient } from '@mastra/mcp'

/** @type {import('../many-clients.mjs').Connect} */
export async function connect(url, number) {
  const client = new MCPClient({ id: `client ${number}`, servers: { field: { url: new URL(url) } } })
  const { field: tools } = await client.listToolsets()
  return {
    tools: () => Object.keys(tools),
    async call(name, args) {
      const { content } = await tools[name].execute(args, {})
      return content[0].text
    },
    close: () => client.disconnect(),
  }
}
