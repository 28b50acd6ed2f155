// Preloaded into a server whose memory is tested (`--expose-gc --import`): SIGUSR2 collects garbage and logs what is
// left, so that what is kept can be told from what is only not yet collected.
import { writeSync } from 'node:fs'

process.on('SIGUSR2', () => {
  globalThis.gc()
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  writeSync(2, `${JSON.stringify({ msg: 'heap', bytes: heapUsed + external })}\n`)
})
