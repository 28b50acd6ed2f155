// Preloaded into a server whose memory is tested (`--expose-gc --import`), so that what is in use can be told from what is
// only not yet collected. SIGUSR2 collects garbage and logs what is left. From SIGWINCH on it looks all the time how much is in
// use, and the next SIGUSR2 logs the most of that as well.
import { writeSync } from 'node:fs'

/** What is in use counts anew when it has grown by so much, garbage included. */
const stepBytes = 4 * 1024 ** 2
const lookMs = 10
/** Collecting takes a fifth of the time at most, so that what is watched is not much slower than it is. */
const pauses = 4

/** Values, and buffers outside of the heap: those of memory that the heap knows, and those that are written to sockets. */
const usedBytes = () => {
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return heapUsed + Math.max(external, arrayBuffers)
}
const inUseBytes = () => {
  // The second waits for the buffers that the first has found.
  globalThis.gc()
  globalThis.gc()
  return usedBytes()
}

let isWatched = false
let mostBytes = 0
let nextMs = 0

function look() {
  const now = performance.now()
  // Without garbage it is less than with it.
  if (now < nextMs || usedBytes() < mostBytes + stepBytes) return
  mostBytes = Math.max(mostBytes, inUseBytes())
  const after = performance.now()
  nextMs = after + (after - now) * pauses
}

process.on('SIGUSR2', () => {
  const bytes = inUseBytes()
  writeSync(2, `${JSON.stringify({ msg: 'heap', bytes, mostBytes: Math.max(mostBytes, bytes) })}\n`)
  mostBytes = bytes
})
process.on('SIGWINCH', () => {
  if (!isWatched) setInterval(look, lookMs).unref()
  isWatched = true
})
