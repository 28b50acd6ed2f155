// The MCP adapters of LangChain.

import { MultiServerMCPClient } from '@langchain/mcp-adapters'

/** @type {import('../many-clients.mjs').Connect} */
export async function connect(url) {
  const client = new MultiServerMCPClient({ mcpServers: { field: { transport: 'http', url } } })
  const tools = await client.getTools()
  return {
    tools: () => tools.map(({ name }) => name),
    call: (name, args) => tools.find((tool) => tool.name === name).invoke(args),
    close: () => client.close(),
  }
}
