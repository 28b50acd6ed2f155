// What a timer costs that is nearly always stopped before it fires, as the deadlines of calls are: a timer of Node
// (base/clock.ts) and one of `CoarseTimers`; then how long the event loop stands still when many fire together.
// `npm run build && node --expose-gc bench/micro/timers.mjs`. Ten thousand other timers stand meanwhile, as those of idle
// streams do. Medians of nine turns, taken alternately.
// docs/decisions/0035-coarse-timers.md quotes it.

import { systemClock } from '../../dist/base/clock.js'
import { CoarseTimers } from '../../dist/base/coarse-timers.js'

const standing = 10_000
const perTurn = 100_000
const turns = 9
const hour = 3_600_000
const firing = 20_000

const timers = new CoarseTimers(systemClock)
const ways = {
  'timer of Node': {
    set: (ms, fire) => systemClock.after(ms, fire),
    stop: (timer) => timer.stop(),
  },
  CoarseTimers: {
    set: (ms, fire) => timers.after(ms, fire),
    stop: (stop) => stop(),
  },
}

/** Nanoseconds of CPU to set a timer and stop it, with 50 set at any moment. */
function costOf({ set, stop }) {
  globalThis.gc?.()
  const open = []
  const before = process.cpuUsage()
  for (let i = 0; i < perTurn; i++) {
    open.push(set(600_000, () => {}))
    if (open.length > 50) stop(open.shift())
  }
  const { user, system } = process.cpuUsage(before)
  for (const one of open) stop(one)
  return ((user + system) * 1000) / perTurn
}

/** Bytes of heap that one holds until it fires. */
function bytesOf({ set, stop }) {
  const all = new Array(standing)
  globalThis.gc()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < standing; i++) all[i] = set(hour, () => {})
  globalThis.gc()
  const bytes = (process.memoryUsage().heapUsed - before) / standing
  for (const one of all) stop(one)
  return bytes
}

/** Milliseconds that the event loop stands still at most when `firing` timers, set together, each work for some 5 us. */
async function stallOf({ set }) {
  let left = firing
  let longest = 0
  let last = performance.now()
  const look = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }
  await new Promise((resolve) => {
    for (let i = 0; i < firing; i++)
      set(300, () => {
        const until = performance.now() + 0.005
        while (performance.now() < until);
        if (--left === 0) resolve()
      })
    last = performance.now()
    const watch = setInterval(look, 1)
    void Promise.resolve().then(async () => {
      while (left > 0) await new Promise((again) => setImmediate(again))
      clearInterval(watch)
      look()
    })
  })
  return longest
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

for (const { set } of Object.values(ways)) for (let i = 0; i < standing; i++) set(hour, () => {})
const costs = new Map(Object.keys(ways).map((name) => [name, []]))
for (const way of Object.values(ways)) costOf(way)
for (let turn = 0; turn < turns; turn++)
  for (const [name, way] of Object.entries(ways)) costs.get(name).push(costOf(way))
console.log(`Node ${process.version}, ${perTurn} a turn, median of ${turns} turns, ${standing} other timers`)
for (const [name, values] of costs) console.log(`${name.padEnd(16)} ${median(values).toFixed(0).padStart(6)} ns of CPU`)
if (globalThis.gc) {
  for (const [name, way] of Object.entries(ways))
    console.log(`${`${name}, set`.padEnd(24)} ${bytesOf(way).toFixed(0).padStart(6)} bytes of heap`)
} else console.log('run with --expose-gc for the memory of one')
for (const [name, way] of Object.entries(ways))
  console.log(
    `${name.padEnd(16)} ${(await stallOf(way)).toFixed(1).padStart(6)} ms without the event loop at most, ${firing} fire together`,
  )
timers.close()
