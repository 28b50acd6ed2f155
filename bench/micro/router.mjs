// What it costs a call to go through the router of src/upstreams/router/: the same upstream in this process is called
// directly, through the router, and through a second generator around its reply, which the router avoids.
// `npm run build && node bench/micro/router.mjs`. A call has one update and an outcome. Medians of nine turns, taken
// alternately.

import { Router } from '../../dist/upstreams/router/router.js'

const perTurn = 200_000
const turns = 9

const update = { kind: 'notification', method: 'notifications/progress', params: undefined }
const outcome = { answer: { kind: 'result', result: { value: {}, text: '{}' } }, era: 'modern', process: undefined }
const upstream = {
  async *call() {
    yield update
    return outcome
  },
}
const router = new Router(upstream)
const call = { method: 'tools/call', params: undefined }

const ways = {
  'the upstream itself': () => upstream.call(call),
  'through the router': () => router.call(call),
  'a second generator': () => around(call),
}

async function* around(given) {
  return yield* upstream.call(given)
}

/** Nanoseconds of CPU for one call. */
async function costOf(begin) {
  const before = process.cpuUsage()
  for (let i = 0; i < perTurn; i++) {
    const reply = begin()
    while ((await reply.next()).done !== true);
  }
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / perTurn
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

const costs = new Map(Object.keys(ways).map((name) => [name, []]))
for (const begin of Object.values(ways)) await costOf(begin)
for (let turn = 0; turn < turns; turn++)
  for (const [name, begin] of Object.entries(ways)) costs.get(name).push(await costOf(begin))
const bare = median(costs.get('the upstream itself'))
console.log(`Node ${process.version}, ${perTurn} calls a turn, median of ${turns} turns`)
for (const [name, values] of costs) {
  const ns = median(values)
  console.log(
    `${name.padEnd(20)} ${ns.toFixed(0).padStart(6)} ns of CPU a call, ${(ns - bare).toFixed(0).padStart(5)} more`,
  )
}
