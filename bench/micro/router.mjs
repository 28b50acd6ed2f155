// What it costs a call to go through the router of src/router/: the same upstream in this process is called directly,
// through a router with that member alone, through one with ten members, and through a second generator around its
// reply, which the router avoids. `npm run build && node bench/micro/router.mjs`. A call has arguments, one update and
// an outcome with a text. Medians of nine turns, taken alternately.

import { manualClock } from '../../dist/base/clock.js'
import { silentLog } from '../../dist/base/log.js'
import { createMemoryBudget } from '../../dist/base/memory-budget.js'
import { createRouter } from '../../dist/router/router.js'

const perTurn = 100_000
const turns = 9

const raw = (value) => ({ value, text: JSON.stringify(value) })
const update = {
  kind: 'notification',
  method: 'notifications/progress',
  params: raw({ progressToken: 1, progress: 1 }),
}
const result = raw({ content: [{ type: 'text', text: 'sunny, 21 degrees' }] })
const outcome = { answer: { kind: 'result', result }, era: 'modern', worker: undefined }
const upstream = {
  async *call() {
    yield { ...update }
    return outcome
  },
}
const routerOf = (count) => {
  const members = Array.from({ length: count }, (_, at) => ({ name: `server-${at}`, upstream, catalog: undefined }))
  const naming = { hasPrefix: count > 1 }
  const memory = createMemoryBudget(1024 ** 3)
  return createRouter({ members, naming, memberWaitMs: 2000, memory, clock: manualClock(), log: silentLog }).upstream
}
const callOf = (name) => ({
  method: 'tools/call',
  params: raw({ name, arguments: { city: 'Berlin', days: 3 }, _meta: { progressToken: 1 } }),
})
const own = callOf('forecast')
const prefixed = callOf('server-7__forecast')
const [one, ten] = [routerOf(1), routerOf(10)]

const ways = {
  'the upstream itself': () => upstream.call(own),
  'a router with one': () => one.call(own),
  'a router with ten': () => ten.call(prefixed),
  'a second generator': () => around(own),
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
