// What a call allocates, and whether anything of it stays: 100,000 calls on open sessions between two forced collections.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { faultWords, faultsOf } from '../lib/report.mjs'

export const about = 'what a call allocates, and what stays of 100,000 calls'

const patienceMs = 20_000

/** Signals the server and resolves to what it then writes about its heap. */
async function look(server, file, line) {
  server.signal('SIGUSR2')
  for (const end = Date.now() + patienceMs; Date.now() < end;) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    const lines = read(file).split('\n')
    if (lines.length > line + 1) return JSON.parse(lines[line])
  }
  throw new Error(`${server.name} said nothing of its heap`)
}

function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

export default async function memory({ servers, ask, report, quick, closeAll }) {
  const calls = quick ? 20_000 : 100_000
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-bench-'))
  let faults = 0
  const count = (words, result) => {
    if (faultsOf(result) > 0) console.log(`  ${words}: ${faultWords(result)}`)
    faults += faultsOf(result)
  }
  try {
    for (const era of ['legacy', 'modern']) {
      const found = {}
      const makers = {
        bare: (heapTo) => servers.bare({ heapTo }),
        mcplex: (heapTo) => servers.mcplex(era, { heapTo }),
      }
      for (const [name, make] of Object.entries(makers)) {
        const file = join(folder, `${name}-${era}`)
        const server = await make(file)
        await ask('open', { name, endpoint: server.endpoint, era, clients: 50 })
        count(`${name} warm-up`, await ask('closed', { name, what: 'call', calls }))
        const before = await look(server, file, 0)
        count(name, await ask('closed', { name, what: 'call', calls }))
        const after = await look(server, file, 1)
        const sampled = calls / 5
        count(`${name} sampled`, await ask('closed', { name, what: 'call', calls: sampled }))
        const { allocatedBytes } = await look(server, file, 2)
        await ask('close', { name })
        found[name] = { perCall: allocatedBytes / sampled / 1024, before, after }
        report.measure('memory', 1, `${name} ${era}`, 'KiB per call', found[name].perCall)
        report.measure('memory', 1, `${name} ${era}`, 'heap before', before.heapBytes)
        report.measure('memory', 1, `${name} ${era}`, 'heap after', after.heapBytes)
        await closeAll()
      }
      const { perCall, before, after } = found.mcplex
      const bare = `bare ${found.bare.perCall.toFixed(1)} KiB`
      report.line('memory', `${era}: a call allocates`, perCall, 'KiB', ['<=', 14], bare)
      const percent = ((after.heapBytes - before.heapBytes) / before.heapBytes) * 100
      const mib = (bytes) => (bytes / 1024 ** 2).toFixed(2)
      const words = `${mib(before.heapBytes)} to ${mib(after.heapBytes)} MiB over ${calls} calls`
      report.line('memory', `${era}: heap after a collection, change`, Math.abs(percent), '%', ['<=', 5], words)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  report.line('memory', 'foreign, wrong, lost or missing answers', faults, '', ['=', 0])
}
