// A server with a knee: 20 calls at once take 20 ms each, and every one that waits in the server slows the others down. 200
// clients call it without a limit, with fixed limits below, at and above the knee, and with one that adapts and knows nothing.

import { fileURLToPath } from 'node:url'
import { faultWords, faultsOf, median } from '../lib/report.mjs'

export const about = 'a limit that adapts, beside fixed ones, on a server with a knee at 20 calls'

const knee = 20
const slow = fileURLToPath(new URL('../slow-child.mjs', import.meta.url))
const fixed = [5, 10, 20, 30, 60]

export default async function measureKnee({ servers, ask, report, quick, rounds, closeAll }) {
  const server = {
    command: [process.execPath, slow, '--slots', String(knee), '--takes', '20', '--contention'],
    mode: 'shared',
    pool: { max: 1, spares: 0 },
  }
  const upstreams = {
    adaptive: { ...server, adaptiveConcurrency: { max: 1000 } },
    unlimited: server,
    ...Object.fromEntries(fixed.map((concurrency) => [`fixed${concurrency}`, { ...server, concurrency }])),
  }
  const mcplex = await servers.mcplexUp(upstreams)
  const keys = Object.keys(upstreams)
  const seen = new Map(keys.map((key) => [key, []]))
  let faults = 0
  for (const key of keys) {
    await ask('open', { name: key, endpoint: `${mcplex.endpoint}/${key}`, era: 'legacy', clients: 200 })
    await ask('closed', { name: key, what: 'call', ms: quick ? 3_000 : 6_000 })
  }
  for (let round = 1; round <= rounds; round += 1)
    for (const key of keys) {
      const result = await ask('closed', { name: key, what: 'call', ms: quick ? 2_000 : 5_000 })
      if (faultsOf(result) > 0) console.log(`  ${key}: ${faultWords(result)}`)
      faults += faultsOf(result)
      seen.get(key).push(result)
      for (const what of ['perSecond', 'p50', 'p99']) report.measure('knee', round, key, what, result[what])
    }
  const middle = (key, what) => median(seen.get(key).map((result) => result[what]))
  const best = fixed.map((limit) => `fixed${limit}`).sort((a, b) => middle(b, 'perSecond') - middle(a, 'perSecond'))[0]
  const ratio = (what) => middle('adaptive', what) / middle(best, what)
  const words = (what, unit, digits) =>
    `${[...keys].map((key) => `${key} ${middle(key, what).toFixed(digits)}`).join(', ')} ${unit}`
  report.line(
    'knee',
    `calls/s / the best fixed limit (${best})`,
    ratio('perSecond'),
    '',
    ['>=', 0.9],
    words('perSecond', 'calls/s', 0),
  )
  report.line('knee', 'p99 / that of the best fixed limit', ratio('p99'), '', ['<=', 1.25], words('p99', 'ms', 0))
  report.line(
    'knee',
    'calls/s without a limit / the best',
    middle('unlimited', 'perSecond') / middle(best, 'perSecond'),
    '',
  )
  report.line('knee', 'foreign, wrong, lost or missing answers', faults, '', ['=', 0])
  await closeAll()
}
