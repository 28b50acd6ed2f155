// What a cancellation signal costs a call: `AbortController`, and the `Cancel` of src/base/cancel.ts.
// `npm run build && node --expose-gc bench/micro/cancel.mjs`. Each way does what a call does: make a signal, listen, stop
// listening; then the same with the signal fired, which few calls live to see. Medians of nine turns, taken alternately.
// docs/decisions/0006-own-cancel-signal.md quotes it.

import { Cancel } from '../../dist/base/cancel.js'

const perTurn = 200_000
const turns = 9

const ways = {
  'AbortController, not fired': () => {
    const controller = new AbortController()
    const listener = () => {}
    controller.signal.addEventListener('abort', listener, { once: true })
    controller.signal.removeEventListener('abort', listener)
  },
  'Cancel, not fired': () => {
    const cancel = new Cancel()
    const stop = cancel.onCancel(() => {})
    stop()
  },
  'AbortController, fired': () => {
    const controller = new AbortController()
    controller.signal.addEventListener('abort', () => {}, { once: true })
    controller.abort('the client closed the connection')
  },
  'Cancel, fired': () => {
    const cancel = new Cancel()
    cancel.onCancel(() => {})
    cancel.cancel('the client closed the connection')
  },
}

const kept = {
  AbortController: () => {
    const controller = new AbortController()
    controller.signal.addEventListener('abort', () => {}, { once: true })
    return controller
  },
  Cancel: () => {
    const cancel = new Cancel()
    cancel.onCancel(() => {})
    return cancel
  },
}

/** Nanoseconds of CPU for one go. */
function costOf(way) {
  globalThis.gc?.()
  const before = process.cpuUsage()
  for (let i = 0; i < perTurn; i++) way()
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / perTurn
}

/** Bytes of heap that one holds while it is listened to. */
function bytesOf(make) {
  const count = 50_000
  const all = new Array(count)
  globalThis.gc()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < count; i++) all[i] = make()
  globalThis.gc()
  const bytes = (process.memoryUsage().heapUsed - before) / count
  return all.length === count ? bytes : Number.NaN
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

const costs = new Map(Object.keys(ways).map((name) => [name, []]))
for (const way of Object.values(ways)) costOf(way)
for (let turn = 0; turn < turns; turn++)
  for (const [name, way] of Object.entries(ways)) costs.get(name).push(costOf(way))
console.log(`Node ${process.version}, ${perTurn} a turn, median of ${turns} turns`)
for (const [name, values] of costs) console.log(`${name.padEnd(28)} ${median(values).toFixed(0).padStart(6)} ns of CPU`)
if (globalThis.gc) {
  for (const [name, make] of Object.entries(kept)) {
    console.log(`${`${name}, held`.padEnd(28)} ${bytesOf(make).toFixed(0).padStart(6)} bytes of heap`)
  }
} else console.log('run with --expose-gc for the memory of one')
