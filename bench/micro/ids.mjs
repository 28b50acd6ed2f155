// What an id of a session costs: 32 random bytes drawn alone, or taken from 4,096 that were drawn at once (src/base/ids.ts).
// `npm run build && node bench/micro/ids.mjs`. CPU, medians of nine turns, taken alternately.
// docs/decisions/0038-what-a-call-costs.md quotes it.

import { randomBytes } from 'node:crypto'
import { unguessableId } from '../../dist/base/ids.js'

const turns = 9
const count = 20_000
const ways = {
  'drawn alone': () => randomBytes(32).toString('base64url'),
  'drawn 4,096 at a time': unguessableId,
}
const taken = Object.fromEntries(Object.keys(ways).map((name) => [name, []]))
for (let turn = 0; turn < turns; turn += 1)
  for (const [name, make] of Object.entries(ways)) {
    const from = process.cpuUsage()
    for (let i = 0; i < count; i += 1) make()
    const { user, system } = process.cpuUsage(from)
    taken[name].push(((user + system) * 1000) / count)
  }
for (const [name, values] of Object.entries(taken)) {
  const median = [...values].sort((a, b) => a - b)[turns >> 1]
  console.log(`${name.padEnd(24)} ${Math.round(median)} ns`)
}
