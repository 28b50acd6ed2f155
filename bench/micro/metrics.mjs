// What /metrics costs: each call, by what is counted of it; and a scrape of a gateway with 100 upstreams and 10,000
// sessions, by how long it blocks the event loop. `npm run build && node bench/micro/metrics.mjs`. Medians of nine turns;
// the block is the longest turn of the loop in twenty scrapes, in CPU of the thread that runs it: a busy machine does not
// count, nor do threads that collect garbage beside it. Goals: 1 us, 20 ms. Needs Linux (`/proc`).

import { openSync, readSync } from 'node:fs'

import { createEvents } from '../../dist/base/events.js'
import { systemClock } from '../../dist/base/clock.js'
import { createMetrics } from '../../dist/admin/metrics/scrape.js'
import { createOverview } from '../../dist/gateway/overview.js'

const [upstreams, sessions, scrapes, perTurn, turns] = [100, 10_000, 20, 300_000, 9]
const methods = ['tools/call', 'resources/read', 'prompts/get']

const call = (at) => ({
  method: methods[at % methods.length],
  tool: 'echo',
  tenant: 'default',
  session: 's',
  client: 'c',
  upstream: `upstream${at % upstreams}`,
  era: 'session-based',
  upstreamEra: 'session-based',
  status: at % 50 === 0 ? 'tool_error' : 'ok',
  durationMs: at % 997,
  queueMs: at % 31,
})
const calls = Array.from({ length: 5000 }, (_, at) => call(at))

/** A gateway with sessions that are as live ones to whoever sums them up, and figures as pools have them. */
function gatewayWith(events) {
  const live = Array.from({ length: sessions }, (_, at) => ({
    session: { createdAtMs: systemClock.now() - at * 100 },
    memory: { heldBytes: 4096 },
  }))
  const counts = { workers: 8, workerCalls: 3, waitingCalls: 1, oldestWaitMs: 40, queuedCalls: 0, oldestQueueWaitMs: 0 }
  const workers = Array.from({ length: 8 }, (_, at) => ({ state: at < 3 ? 'busy' : 'idle' }))
  const overview = createOverview({
    sessions: { all: () => live.values(), count: live.length },
    runningCalls: [],
    upstreams: { all: Array.from({ length: upstreams }, (_, at) => ({ name: `upstream${at}`, counts: () => counts })) },
    drain: { draining: false },
    state: () => ({ counts: { clients: sessions, calls: 300 }, memory: { heldBytes: 1, limitBytes: 2 } }),
    limits: { maxConnections: sessions },
    clock: systemClock,
  })
  return {
    events,
    overview,
    operations: () => ({ workers: () => workers, state: () => ({ access: 'open', breaker: { state: 'closed' } }) }),
  }
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]

/** Nanoseconds of CPU for one event. */
function costOf(events) {
  const before = process.cpuUsage()
  for (let at = 0; at < perTurn; at++) events.emit('callEnded', calls[at % calls.length])
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / perTurn
}

const events = createEvents()
const metrics = createMetrics(gatewayWith(events), systemClock)
const silent = createEvents()
silent.on('callEnded', () => {})
costOf(events)
const [counted, bare] = [[], []]
for (let turn = 0; turn < turns; turn++) {
  bare.push(costOf(silent))
  counted.push(costOf(events))
}
console.log(`a call: ${Math.round(median(counted) - median(bare))} ns of CPU to count it`)

await metrics.prepare()
await metrics.scrape()
// The main thread has the id of the process; the first number is its time on a core in nanoseconds. (kernel, sched-stats)
const [schedstat, buffer] = [openSync(`/proc/self/task/${process.pid}/schedstat`), Buffer.alloc(64)]
const cpuMs = () => Number(buffer.toString('latin1', 0, readSync(schedstat, buffer, 0, 64, 0)).split(' ')[0]) / 1e6
let [longest, last, isOver] = [0, cpuMs(), false]
const taken = []
const tick = () => {
  const now = cpuMs()
  taken.push(now - last)
  longest = Math.max(longest, now - last)
  last = now
  if (!isOver) setImmediate(tick)
}
setImmediate(tick)
let [lines, took] = [0, 0]
for (let turn = 0; turn < scrapes; turn++) {
  const began = performance.now()
  const { text } = await metrics.scrape()
  took += performance.now() - began
  lines = text.split('\n').length
}
isOver = true
console.log(
  `a scrape: ${lines} lines, ${(took / scrapes).toFixed(1)} ms, the longest turn of the event loop takes ${longest.toFixed(1)} ms of CPU`,
)
