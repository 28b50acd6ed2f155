// Preloaded into a server whose heap is measured (`--expose-gc --import heap-on-signal.mjs?to=FILE`). At each SIGUSR2 it
// appends a line of JSON to the file: `heapBytes`, what is kept after a forced collection, and `allocatedBytes`, what was
// allocated between the second signal and this one. V8 samples that every 4 KiB on average, so it is an estimate; it is not
// sampled before, because the profile itself would count as what is kept.

import { appendFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'

const file = new URL(import.meta.url).searchParams.get('to') ?? ''
const session = new Session()
session.connect()
let signals = 0

async function report() {
  let allocatedBytes = 0
  signals += 1
  if (signals === 3) {
    const { profile } = await session.post('HeapProfiler.stopSampling')
    const sum = (node) => node.selfSize + node.children.reduce((total, child) => total + sum(child), 0)
    allocatedBytes = sum(profile.head)
  }
  globalThis.gc()
  globalThis.gc()
  const heapBytes = process.memoryUsage().heapUsed
  if (signals === 2)
    await session.post('HeapProfiler.startSampling', {
      samplingInterval: 4096,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    })
  appendFileSync(file, `${JSON.stringify({ heapBytes, allocatedBytes })}\n`)
}

process.on('SIGUSR2', () => void report())
