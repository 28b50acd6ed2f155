// The MCP client of the OpenAI Agents SDK.

import { MCPServerStreamableHttp } from '@openai/agents'

/** @type {import('../many-clients.mjs').Connect} */
export async function connect(url) {
  const server = new MCPServerStreamableHttp({ url })
  await server.connect()
  return {
    async tools() {
      const tools = await server.listTools()
      return tools.map(({ name }) => name)
    },
    async call(name, args) {
      const [content] = await server.callTool(name, args)
      return content.text
    },
    close: () => server.close(),
  }
}
