// A server of the session-based era whose list of tools is as long as its argument says, in bytes.
import { createInterface } from 'node:readline'

const bytes = Number(process.argv[2])
const tools = [{ name: 'echo', inputSchema: { type: 'object', $comment: 'x'.repeat(bytes) } }]
const answer = (id, result) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`)

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  if (method === 'initialize')
    answer(id, {
      protocolVersion: params.protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: 'long-list', version: '1' },
    })
  else if (method === 'tools/list') answer(id, { tools })
  else if (method === 'tools/call') answer(id, { content: [{ type: 'text', text: params.arguments.text }] })
  else if (id !== undefined) answer(id, {})
})
