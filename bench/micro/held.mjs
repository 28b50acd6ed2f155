// What it costs to hold a request that may have to end before it is answered (src/gateway/held-requests.ts), beside one
// that is not held: its body is awaited, and it is answered with one text. `npm run build && node bench/micro/held.mjs`.
// The second pair is with a storage of async hooks in use, as where a module runs in this process: on Node 20 each promise
// then costs more. Lower quartiles of turns taken alternately.

import { AsyncLocalStorage } from 'node:async_hooks'
import { Cancel } from '../../dist/base/cancel.js'
import { HeldRequests } from '../../dist/gateway/held-requests.js'

const perTurn = 50_000
const turns = 25
const principal = { tenant: 'default', subject: 'anonymous' }
const answer = { status: 200, headers: {}, body: '{"jsonrpc":"2.0","id":1,"result":{}}' }
const text = Promise.resolve('{"jsonrpc":"2.0","id":1,"method":"ping"}')
const requests = new HeldRequests(true)

const inboundOf = () => ({
  method: 'POST',
  path: '/mcp',
  headers: {},
  connection: 'c1',
  body: () => text,
  closed: new Cancel(),
})

const ways = {
  'not held': async () => {
    const inbound = inboundOf()
    await inbound.body()
    return answer
  },
  held: async () => {
    const held = requests.hold(inboundOf(), principal)
    await held.body()
    return held.follow(answer)
  },
}

/** Nanoseconds of CPU for one request. */
async function costOf(way) {
  const before = process.cpuUsage()
  for (let i = 0; i < perTurn; i++) await way()
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / perTurn
}

const quartile = (values) => values.toSorted((a, b) => a - b)[values.length >> 2]

async function compare(title) {
  const costs = new Map(Object.keys(ways).map((name) => [name, []]))
  for (const way of Object.values(ways)) await costOf(way)
  for (let turn = 0; turn < turns; turn++)
    for (const [name, way] of Object.entries(ways)) costs.get(name).push(await costOf(way))
  for (const [name, values] of costs)
    console.log(`${title.padEnd(20)} ${name.padEnd(12)} ${quartile(values).toFixed(0).padStart(6)} ns of CPU`)
}

console.log(`Node ${process.version}, ${perTurn} a turn, lower quartile of ${turns} turns`)
await compare('without hooks')
await new AsyncLocalStorage().run({}, () => compare('with a storage'))
