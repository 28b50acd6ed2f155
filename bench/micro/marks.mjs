// What it costs to find the processes that carry a mark of ours: `createMarkScan` of src/upstreams/stdio/, among so many
// processes; then a thousand questions at once, as a thousand servers that end ask. `npm run build && node
// bench/micro/marks.mjs [processes]`. docs/decisions/0031-worker-marks.md quotes it.

import { spawn } from 'node:child_process'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { systemClock } from '../../dist/base/clock.js'
import { silentLog } from '../../dist/base/log.js'
import { createMarkScan } from '../../dist/upstreams/stdio/marked-processes.js'
import { createMarks } from '../../dist/upstreams/stdio/worker-mark.js'

const processes = Number(process.argv[2] ?? 1000)
const turns = 9
const marks = createMarks()
const scan = createMarkScan({ marks, clock: systemClock, log: silentLog })
const others = { PATH: process.env.PATH, ELSE: 'x'.repeat(2000) }
// One in ten is marked.
const sleepers = Array.from({ length: processes }, (_, at) =>
  spawn('/bin/sleep', ['600'], { stdio: 'ignore', env: { ...others, ...(at % 10 === 0 && marks.variableOf(at)) } }),
)
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

try {
  await pause(2000)
  const looks = []
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  for (let turn = 0; turn < turns; turn++) {
    const cpu = process.cpuUsage()
    const startMs = performance.now()
    const { marked } = await scan.next()
    const { user, system } = process.cpuUsage(cpu)
    looks.push({ ms: performance.now() - startMs, cpuMs: (user + system) / 1000, found: marked.size })
    // Longer than the pause after a look.
    await pause(700)
  }
  delay.disable()
  console.log(`Node ${process.version}, ${processes} processes, median of ${turns} looks`)
  console.log(`a look              ${median(looks.map(({ ms }) => ms)).toFixed(1)} ms`)
  console.log(`  CPU               ${median(looks.map(({ cpuMs }) => cpuMs)).toFixed(1)} ms`)
  console.log(`  found             ${median(looks.map(({ found }) => found))} of ${Math.ceil(processes / 10)}`)
  console.log(`  event loop, worst ${(delay.max / 1e6).toFixed(1)} ms`)
  const before = scan.scans
  const startMs = performance.now()
  await Promise.all(
    Array.from({ length: 1000 }, async (_, at) => {
      // They do not all end in the same moment.
      await pause(at)
      await scan.next()
    }),
  )
  console.log(
    `1,000 questions in a second: ${scan.scans - before} looks, ${(performance.now() - startMs).toFixed(0)} ms`,
  )
} finally {
  for (const sleeper of sleepers) sleeper.kill('SIGKILL')
}
