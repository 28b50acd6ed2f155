// The MCP client of the OpenAI Agents SDK.

import { MCPServerStreamableHttp } from '@openai/agents'

/** @type {import('../play.mjs').Connect} */
export async function connect(url) {
  const server = new MCPServerStreamableHttp({ url })
  await server.connect()
  return {
    async call(name, args) {
      const [content] = await server.callTool(name, args)
      return content.text
    },
    close: () => server.close(),
  }
}
