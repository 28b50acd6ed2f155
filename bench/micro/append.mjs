// What it costs to store an event for a client that may come back: `journals.append` of src/backplane/memory/, with a
// bound of 1,000 events that is reached all the time. `npm run build && node bench/micro/append.mjs`. Medians of nine
// turns, taken alternately. docs/decisions/0030-one-memory-budget.md quotes it.

import { systemClock } from '../../dist/base/clock.js'
import { createMemoryBackplane } from '../../dist/backplane/memory.js'

const perTurn = 100_000
const turns = 9
const events = {
  'a short event': '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}',
  'an event of 2 KB': `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"${'x'.repeat(2000)}"}]}}`,
  'the same, wide': `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"${'→'.repeat(2000)}"}]}}`,
}

const { journals, close } = createMemoryBackplane({ clock: systemClock })
const bounds = { events: 1000, bytes: 4 * 1024 ** 2, ttlMs: 60_000, owner: { name: 'owner', bytes: 64 * 1024 ** 2 } }

/** Nanoseconds of CPU for one append. */
async function costOf(text) {
  const before = process.cpuUsage()
  for (let i = 0; i < perTurn; i++) await journals.append('stream', [text], bounds)
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / perTurn
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

const costs = new Map(Object.keys(events).map((name) => [name, []]))
for (const text of Object.values(events)) await costOf(text)
for (let turn = 0; turn < turns; turn++)
  for (const [name, text] of Object.entries(events)) costs.get(name).push(await costOf(text))
console.log(`Node ${process.version}, ${perTurn} a turn, median of ${turns} turns`)
for (const [name, values] of costs) console.log(`${name.padEnd(20)} ${median(values).toFixed(0).padStart(6)} ns of CPU`)
await close()
