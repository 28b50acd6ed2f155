// What a place in the fair queue of src/base/fair-queue.ts costs: one entry added and one taken, among so many sessions that
// wait, of ten tenants with weights; and the question how many are served before a new entry.
// `npm run build && node bench/micro/fair-queue.mjs`. Medians of nine turns.

import { FairQueue } from '../../dist/base/fair-queue.js'

const perTurn = 200_000
const turns = 9

/** Nanoseconds of CPU for one call of `work`. */
function costOf(work, count) {
  const before = process.cpuUsage()
  for (let at = 0; at < count; at++) work(at)
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / count
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]
const measured = (work, count) => Math.round(median(Array.from({ length: turns }, () => costOf(work, count))))

for (const sessions of [1, 100, 10_000]) {
  const paths = Array.from({ length: sessions }, (_, at) => [`tenant ${at % 10}`, `session ${at}`])
  const queue = new FairQueue({ bound: 1e6, weightOf: ({ length }) => (length === 1 ? 2 : 1) })
  for (const path of paths) for (let entry = 0; entry < 5; entry++) queue.add(path, entry)
  const addAndTake = (at) => {
    queue.add(paths[at % sessions], at)
    queue.offer(() => true)
  }
  console.log(
    `${sessions} sessions: add and take ${measured(addAndTake, perTurn)} ns, ahead ${measured((at) => queue.ahead(paths[at % sessions]), 2e6 / (sessions + 10))} ns`,
  )
}
