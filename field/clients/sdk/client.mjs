// The official SDK, left to find out by itself which era to speak. It is a dependency of the root.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'

/** @type {import('../play.mjs').Connect} */
export async function connect(url) {
  const client = new Client({ name: 'field', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new StreamableHTTPClientTransport(new URL(url)))
  return {
    async tools() {
      const { tools } = await client.listTools()
      return tools.map(({ name }) => name)
    },
    async call(name, args) {
      const { content } = await client.callTool({ name, arguments: args })
      return content[0].text
    },
    close: () => client.close(),
  }
}
