// What the queue, the circuit breaker and the metrics of a server cost a call together: the same server with all of them and with
// none, each behind a process of its own, taken in turns; and both behind one process, where the metrics count for both.

import { fileURLToPath } from 'node:url'
import { takeTurns } from '../lib/interleave.mjs'
import { faultWords, faultsOf, median } from '../lib/report.mjs'

export const about = 'tools/call with a queue, a breaker and metrics, and without'

const child = fileURLToPath(new URL('../child.mjs', import.meta.url))

export default async function guarded({ servers, ask, calm, report, quick, rounds, profile, closeAll }) {
  const eras = ['legacy', 'modern']
  const bare = await servers.bare()
  const targets = []
  for (const era of eras) {
    const command = [process.execPath, child, '--era', era]
    const plain = { command, mode: 'shared', pool: { max: 1, spares: 0 } }
    const all = { ...plain, concurrency: 1000, breaker: { errorPercent: 50 } }
    const at = (server, name) => ({ ...server, endpoint: `${server.endpoint}/${name}` })
    const off = await servers.mcplexUp({ plain, other: plain }, { words: ['--admin', 'off'] })
    const on = await servers.mcplexUp({ plain, all }, profile(`guarded-${era}`))
    targets.push({ key: `bare ${era}`, era, server: bare })
    targets.push({ key: `none ${era}`, era, server: at(off, 'plain') })
    targets.push({ key: `all ${era}`, era, server: at(on, 'all') })
    targets.push({ key: `metrics ${era}`, era, server: at(on, 'plain') })
  }
  for (const { key, era, server } of targets) {
    await ask('open', { name: key, endpoint: server.endpoint, era, clients: 50 })
    await ask('closed', { name: key, what: 'call', ms: quick ? 1_000 : 2_000 })
  }
  const seen = new Map(targets.map(({ key }) => [key, []]))
  let faults = 0
  const count = (key, result) => {
    if (faultsOf(result) > 0) console.log(`  ${key}: ${faultWords(result)}`)
    faults += faultsOf(result)
  }
  for (let round = 1; round <= rounds; round += 1) {
    const found = await takeTurns({ ask, calm, targets, what: 'call', slices: quick ? 8 : 24, sliceMs: 250, count })
    for (const [key, values] of found) {
      seen.get(key).push(values.calmCpuUs)
      report.measure('guarded', round, key, 'calmCpuUs', values.calmCpuUs)
    }
  }
  for (const era of eras) {
    const [bareUs, none, all, metrics] = ['bare', 'none', 'all', 'metrics'].map((which) => seen.get(`${which} ${era}`))
    const more = (than) => median(all.map((us, round) => (us - than[round]) / bareUs[round]))
    const words = (than) =>
      `${median(all).toFixed(1)} against ${median(than).toFixed(1)} us; bare ${median(bareUs).toFixed(1)}`
    report.line('guarded', `${era}: queue, breaker and metrics / bare`, more(none), '', ['<=', 0.15], words(none))
    report.line(
      'guarded',
      `${era}: queue and breaker in one process / bare`,
      more(metrics),
      '',
      undefined,
      words(metrics),
    )
  }
  report.line('guarded', 'foreign, wrong, lost or missing answers', faults, '', ['=', 0])
  await closeAll()
}
