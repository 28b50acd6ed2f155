// What it costs to pass a result on: as the text that arrived (`readMessage`, `responseText` of src/protocol/), or
// parsed and built anew. `npm run build && node bench/micro/forward.mjs`. Medians of nine turns, taken alternately.
// docs/decisions/0004-json-as-text.md quotes it.

import { readMessage, responseText } from '../../dist/protocol/jsonrpc.js'

const turns = 9
const line = (text) =>
  JSON.stringify({ jsonrpc: '2.0', id: 7, result: { content: [{ type: 'text', text }], isError: false } })
const tool = (i) => ({
  name: `tool_${i}`,
  description: 'Does what its name says, and says what it did.',
  inputSchema: {
    type: 'object',
    properties: { path: { type: 'string' }, depth: { type: 'integer' } },
    required: ['path'],
  },
})
const messages = {
  'a short answer': line('hello'),
  'a text': line('All happy families are alike; '.repeat(2_200)),
  'a text full of quotes': line('x"y\n'.repeat(16_384)),
  'a list of 200 tools': JSON.stringify({
    jsonrpc: '2.0',
    id: 7,
    result: { tools: Array.from({ length: 200 }, (_, i) => tool(i)) },
  }),
}
const ways = {
  'as text': (text) => {
    const message = readMessage(text, JSON.parse(text))
    return responseText('"mine"', message.answer)
  },
  'built anew': (text) => {
    const message = JSON.parse(text)
    return JSON.stringify({ jsonrpc: '2.0', id: 'mine', result: message.result })
  },
}

function costOf(way, text) {
  const count = Math.ceil(4_000_000 / text.length)
  const before = process.cpuUsage()
  // Flattened, as writing it to a socket would.
  for (let i = 0; i < count; i++) Buffer.byteLength(way(text))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

console.log(`Node ${process.version}, microseconds of CPU a message, median of ${turns} turns`)
for (const [what, text] of Object.entries(messages)) {
  const costs = new Map(Object.keys(ways).map((name) => [name, []]))
  for (const way of Object.values(ways)) costOf(way, text)
  for (let turn = 0; turn < turns; turn++)
    for (const [name, way] of Object.entries(ways)) costs.get(name).push(costOf(way, text))
  const told = [...costs].map(([name, values]) => `${name} ${median(values).toFixed(1)}`)
  console.log(`${what.padEnd(22)} ${`${text.length} B`.padStart(8)}   ${told.join('   ')}`)
}
