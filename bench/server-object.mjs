// What a call costs on the server object of `module.mjs` alone, through the barest transport there is: no HTTP, no gateway.
//   node bench/server-object.mjs [milliseconds]   prints one JSON line: CPU of the process per call, in microseconds.

import { createServer } from './module.mjs'
import { legacyVersion } from './lib/tools.mjs'

const ms = Number(process.argv[2] ?? 2_000)
const server = createServer()
let answered
const transport = { start: async () => {}, close: async () => {}, send: async (message) => answered(message) }
await server.connect(transport)

const ask = (message) =>
  new Promise((resolve) => {
    answered = resolve
    transport.onmessage({ jsonrpc: '2.0', ...message })
  })
const clientInfo = { name: 'bench', version: '1' }
await ask({ id: 0, method: 'initialize', params: { protocolVersion: legacyVersion, capabilities: {}, clientInfo } })
transport.onmessage({ jsonrpc: '2.0', method: 'notifications/initialized' })

/** Calls for so long, one call after the other, each from its text to the text of its answer. Returns CPU per call in microseconds. */
async function callFor(duration) {
  const before = process.cpuUsage()
  const end = Date.now() + duration
  let calls = 0
  for (; Date.now() < end; calls += 1) {
    const text = `text ${calls}`
    const { result } = await ask({ id: calls + 1, method: 'tools/call', params: { name: 'echo', arguments: { text } } })
    if (result.content[0].text !== text) throw new Error(`wrong answer: ${JSON.stringify(result)}`)
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / calls
}

await callFor(ms / 2)
process.stdout.write(JSON.stringify({ cpuUs: await callFor(ms) }) + '\n')
