// tools/list of 20 tools (5.5 KB): from the gateway's catalogue, beside a bare server that stringifies its list each time.

import { faultWords, faultsOf, median } from '../lib/report.mjs'
import { takeTurns } from '../lib/interleave.mjs'

export const about = 'tools/list from the catalogue'

export default async function list({ servers, ask, calm, report, quick, rounds, profile, closeAll }) {
  const eras = ['legacy', 'modern']
  const bare = await servers.bare()
  const targets = []
  for (const era of eras) {
    targets.push({ key: `bare ${era}`, era, server: bare })
    targets.push({ key: `mcplex ${era}`, era, server: await servers.mcplex(era, profile(`list-${era}`)) })
  }
  for (const { key, era, server } of targets) {
    await ask('open', { name: key, endpoint: server.endpoint, era, clients: 50 })
    await ask('closed', { name: key, what: 'list', ms: 1_000 })
  }

  const seen = new Map(targets.map(({ key }) => [key, { perSecond: [], cpuUs: [] }]))
  let faults = 0
  const count = (key, result) => {
    if (faultsOf(result) > 0) console.log(`  ${key}: ${faultWords(result)}`)
    faults += faultsOf(result)
  }
  for (let round = 1; round <= rounds; round += 1) {
    const found = await takeTurns({ ask, calm, targets, what: 'list', slices: quick ? 3 : 8, sliceMs: 500, count })
    for (const [key, { perSecond, cpuUs }] of found)
      for (const [what, value] of Object.entries({ perSecond, cpuUs })) {
        seen.get(key)[what].push(value)
        report.measure('list', round, key, what, value)
      }
  }

  for (const era of eras) {
    const [ours, theirs] = [seen.get(`mcplex ${era}`), seen.get(`bare ${era}`)]
    const ratio = (what) => median(ours[what].map((value, round) => value / theirs[what][round]))
    const words = (what, unit, digits) =>
      `${median(ours[what]).toFixed(digits)} against ${median(theirs[what]).toFixed(digits)} ${unit}`
    report.line('list', `${era}: lists/s / bare`, ratio('perSecond'), '', ['>=', 1], words('perSecond', 'lists/s', 0))
    report.line('list', `${era}: gateway CPU per list / bare`, ratio('cpuUs'), '', undefined, words('cpuUs', 'us', 1))
  }
  report.line('list', 'foreign, wrong, lost or missing answers', faults, '', ['=', 0])
  await closeAll()
}
