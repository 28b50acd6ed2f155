// A client of the official SDK, once it is connected, as the players use it.

/**
 * @param {import('@modelcontextprotocol/client').Client} client
 * @returns {import('./many-clients.mjs').Client}
 */
export const ofSdk = (client) => ({
  async tools() {
    const { tools } = await client.listTools()
    return tools.map(({ name }) => name)
  },
  async call(name, args) {
    const { content } = await client.callTool({ name, arguments: args })
    return content[0].text
  },
  close: () => client.close(),
})
