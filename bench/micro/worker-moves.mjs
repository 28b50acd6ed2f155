// What a call costs by moving its worker from idle to busy and back: two moves of `WorkerStates` of
// src/upstreams/worker-states.ts, and the same in one `Set` for each state.
// `npm run build && node bench/micro/worker-moves.mjs`. 50 workers take calls in turn. Medians of nine turns, taken alternately.
// docs/decisions/0037-worker-states.md quotes it.

import { WorkerStates } from '../../dist/upstreams/worker-states.js'

const count = 50
const perTurn = 500_000
const turns = 9

const ways = {
  Set: () => {
    const [idle, busy] = [new Set(), new Set()]
    const workers = Array.from({ length: count }, () => ({}))
    for (const worker of workers) idle.add(worker)
    return (at) => {
      const worker = workers[at % count]
      idle.delete(worker)
      busy.add(worker)
      busy.delete(worker)
      idle.add(worker)
    }
  },
  WorkerStates: () => {
    const states = new WorkerStates()
    const make = () => ({ state: 'starting', previous: undefined, index: 0, purpose: 'serve' })
    const workers = Array.from({ length: count }, make)
    for (const worker of workers) {
      states.add(worker)
      states.move(worker, 'idle')
    }
    return (at) => {
      const worker = workers[at % count]
      states.move(worker, 'busy')
      states.move(worker, 'idle')
    }
  },
}

/** Nanoseconds of CPU for the two moves of one call. */
function costOf(call) {
  const before = process.cpuUsage()
  for (let at = 0; at < perTurn; at++) call(at)
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / perTurn
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]
const costs = Object.fromEntries(Object.keys(ways).map((way) => [way, []]))
for (let turn = 0; turn < turns; turn++) for (const [way, make] of Object.entries(ways)) costs[way].push(costOf(make()))
for (const [way, values] of Object.entries(costs)) console.log(`${way}: ${Math.round(median(values))} ns of CPU a call`)
