// Fifty clients write into one journal at once, and none of their notes is lost. In two terminals:
//
//   npx mcplex up --config examples/shared-resources.yaml
//   node examples/fifty-clients.mjs
//
// The address may be another one: node examples/fifty-clients.mjs http://127.0.0.1:8081/mcp
// docs/shared-resources.md explains it.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'

const url = new URL(process.argv[2] ?? 'http://127.0.0.1:8080/mcp')
const clients = Array.from({ length: 50 }, () => new Client({ name: 'fifty-clients', version: '1.0.0' }))
await Promise.all(clients.map((client) => client.connect(new StreamableHTTPClientTransport(url))))

const answers = await Promise.all(
  clients.map((client, at) => client.callTool({ name: 'journal__note', arguments: { note: `of client ${at}` } })),
)
const failed = answers.filter(({ isError }) => isError)
const [first] = clients
const { content } = await first.callTool({ name: 'journal__notes', arguments: {} })
console.log(`${JSON.parse(content[0].text).length} notes in the journal, ${failed.length} calls have failed`)

await Promise.all(clients.map((client) => client.close()))
