// What it costs to note a call as in flight and to forget it: a `Map` by id, and `PendingCalls`
// of src/upstreams/connection/pending-calls.ts.
// `npm run build && node --trace-gc bench/micro/inflight.mjs` also shows the collections. 50 calls are in flight at any
// moment, each holds objects of its own, and every answer ends the oldest. Medians of nine turns, taken alternately.
// docs/decisions/0013-lists-instead-of-sets.md quotes it.

import { PerformanceObserver } from 'node:perf_hooks'
import { PendingCalls } from '../../dist/upstreams/connection/pending-calls.js'

const inFlight = 50
const perTurn = 200_000
const turns = 9

/** Something of the shape and size of a call: an object with others, a text and closures. */
function makeCall(id) {
  const call = {
    id,
    idleAtMs: 0,
    params: { value: { name: 'echo', arguments: { text: `nonce-${id}` } } },
    wake: undefined,
  }
  call.promise = new Promise((resolve) => (call.wake = resolve))
  call.updates = []
  return call
}

const ways = {
  Map: () => {
    const calls = new Map()
    let id = 0
    const begin = () => {
      const call = makeCall(++id)
      calls.set(call.id, call)
      return call
    }
    return { begin, end: (call) => calls.get(call.id) === call && calls.delete(call.id) }
  },
  PendingCalls: () => {
    const pending = new PendingCalls()
    return { begin: () => pending.add(makeCall), end: (call) => pending.remove(call) }
  },
}

let collecting = 0
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) collecting += entry.duration
}).observe({ entryTypes: ['gc'] })

const settled = () => new Promise((resolve) => setImmediate(resolve))

/** Nanoseconds of CPU and of collection for one call. */
async function costOf({ begin, end }) {
  const open = Array.from({ length: inFlight }, begin)
  await settled()
  collecting = 0
  const before = process.cpuUsage()
  for (let i = 0; i < perTurn; i++) {
    const at = i % inFlight
    end(open[at])
    open[at].wake()
    open[at] = begin()
    // A tick of the event loop brings a few answers, not all.
    if (i % 25 === 0) await settled()
  }
  const { user, system } = process.cpuUsage(before)
  await settled()
  return { cpu: ((user + system) * 1000) / perTurn, gc: (collecting * 1e6) / perTurn }
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

const lives = Object.entries(ways).map(([name, make]) => ({ name, way: make(), costs: [] }))
for (const { way } of lives) await costOf(way)
for (let turn = 0; turn < turns; turn++) for (const { way, costs } of lives) costs.push(await costOf(way))
console.log(`Node ${process.version}, ${inFlight} in flight, ${perTurn} calls a turn, median of ${turns} turns`)
for (const { name, costs } of lives) {
  const cpu = median(costs.map((cost) => cost.cpu))
  const gc = median(costs.map((cost) => cost.gc))
  console.log(
    `${name.padEnd(12)} ${cpu.toFixed(0).padStart(6)} ns of CPU a call, collector ${gc.toFixed(0).padStart(5)} ns`,
  )
}
