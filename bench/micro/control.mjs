// What stands in front of an upstream costs a call: the upstream itself, src/upstreams/control/ with nothing set, with a
// limit, with one that adapts, with a breaker, with both, and with both and what /metrics counts of a call. `npm run build && node bench/micro/control.mjs`. The upstream is in this process; a
// call has one update and an outcome. Medians of nine turns, taken alternately.

import { Cancel } from '../../dist/base/cancel.js'
import { systemClock } from '../../dist/base/clock.js'
import { createEvents } from '../../dist/base/events.js'
import { Instruments } from '../../dist/admin/metrics/instruments.js'
import { silentLog } from '../../dist/base/log.js'
import { CallLine } from '../../dist/upstreams/control/call-line.js'
import { UpstreamControl } from '../../dist/upstreams/control/upstream-control.js'

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
  counts: () => ({}),
}
const call = {
  method: 'tools/call',
  params: raw({ name: 'forecast', arguments: { city: 'Berlin', days: 3 } }),
  principal: { tenant: 'default', subject: 'anonymous' },
  session: 'a',
  fairnessKey: 'a',
  cancel: new Cancel(),
}

function controlOf({ concurrency = Infinity, adaptiveMax = 0, breakerErrorPercent = 0 }) {
  const clock = systemClock
  const line = new CallLine({ queue: 500, queueWaitMs: 10_000, clock })
  line.concurrency = concurrency
  if (adaptiveMax > 0) line.adapt({ min: 1, max: adaptiveMax })
  const events = createEvents()
  const control = new UpstreamControl({
    name: 'mine',
    queue: 500,
    line,
    current: () => upstream,
    isIdempotent: () => true,
    clock,
    log: silentLog,
    events,
  })
  control.applyBreaker({
    breakerErrorPercent,
    breakerMinCalls: 20,
    breakerWindowMs: 30_000,
    breakerOpenMs: 15_000,
    breakerSlowMs: 0,
  })
  return control
}

const controls = {
  'nothing set': controlOf({}),
  'a limit': controlOf({ concurrency: 100 }),
  'a limit that adapts': controlOf({ adaptiveMax: 100 }),
  'a breaker': controlOf({ breakerErrorPercent: 50 }),
  both: controlOf({ concurrency: 100, breakerErrorPercent: 50 }),
}
const events = createEvents()
const instruments = new Instruments(events)
const ended = {
  method: 'tools/call',
  upstream: 'mine',
  status: 'ok',
  durationMs: 12,
  queueMs: 0,
}
const ways = {
  'the upstream itself': () => upstream.call(call),
  ...Object.fromEntries(Object.entries(controls).map(([name, control]) => [name, () => control.call(call, upstream)])),
}

const counted = 'both, and metrics'
ways[counted] = ways['both']

/** Nanoseconds of CPU for one call. */
async function costOf(begin, isCounted) {
  const before = process.cpuUsage()
  for (let i = 0; i < perTurn; i++) {
    const reply = begin()
    while ((await reply.next()).done !== true);
    if (isCounted) events.emit('callEnded', ended)
  }
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / perTurn
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

const costs = new Map(Object.keys(ways).map((name) => [name, []]))
for (const begin of Object.values(ways)) await costOf(begin, false)
for (let turn = 0; turn < turns; turn++)
  for (const [name, begin] of Object.entries(ways)) costs.get(name).push(await costOf(begin, name === counted))
const bare = median(costs.get('the upstream itself'))
console.log(`Node ${process.version}, ${perTurn} calls a turn, median of ${turns} turns`)
for (const [name, values] of costs) {
  const ns = median(values)
  console.log(
    `${name.padEnd(20)} ${ns.toFixed(0).padStart(6)} ns of CPU a call, ${(ns - bare).toFixed(0).padStart(5)} more`,
  )
}
if ([...instruments.calls.samples()].length !== 1) throw new Error('the calls were not counted')
