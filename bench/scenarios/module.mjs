// tools/call of a module of tools in the gateway's own process, a server object for each of 50 sessions, both eras: what
// mcplex adds to the server object alone, and calls per second from end to end, beside a bare server.

import { faultWords, faultsOf, median } from '../lib/report.mjs'
import { takeTurns } from '../lib/interleave.mjs'

export const about = 'tools/call of a module in the same process'

export default async function module({ servers, serverObject, ask, calm, report, quick, rounds, profile, closeAll }) {
  const eras = ['legacy', 'modern']
  const bare = await servers.bare()
  const targets = []
  for (const era of eras) {
    targets.push({ key: `bare ${era}`, era, server: bare })
    const server = await servers.mcplexOfModule(era, profile(`module-${era}`))
    targets.push({ key: `mcplex ${era}`, era, server })
  }
  for (const { key, era, server } of targets) {
    await ask('open', { name: key, endpoint: server.endpoint, era, clients: 50 })
    // Much code of the SDK and of zod has a part in a call: it takes thousands of them until all of it is compiled.
    await ask('closed', { name: key, what: 'call', ms: quick ? 3_000 : 8_000 })
  }

  const seen = new Map(targets.map(({ key }) => [key, { cpuUs: [], perSecond: [] }]))
  const alone = []
  let faults = 0
  const count = (key, result) => {
    if (faultsOf(result) > 0) console.log(`  ${key}: ${faultWords(result)}`)
    faults += faultsOf(result)
  }
  for (let round = 1; round <= rounds; round += 1) {
    const found = await takeTurns({ ask, calm, targets, what: 'call', slices: quick ? 3 : 8, sliceMs: 500, count })
    const object = await calm.measure(() => serverObject(quick ? 1_000 : 4_000))
    alone.push(object.cpuUs)
    report.measure('module', round, 'server object', 'cpuUs', object.cpuUs)
    for (const [key, { cpuUs, perSecond }] of found)
      for (const [what, value] of Object.entries({ cpuUs, perSecond })) {
        seen.get(key)[what].push(value)
        report.measure('module', round, key, what, value)
      }
  }

  for (const era of eras) {
    const [ours, theirs] = [seen.get(`mcplex ${era}`), seen.get(`bare ${era}`)]
    const added = median(ours.cpuUs.map((cpuUs, round) => (cpuUs - alone[round]) / theirs.cpuUs[round]))
    const parts = `${median(ours.cpuUs).toFixed(1)} us, of these the server object ${median(alone).toFixed(1)}; bare ${median(theirs.cpuUs).toFixed(1)}`
    report.line('module', `${era}: CPU beside the server object per call / bare`, added, '', ['<=', 1.5], parts)
    const rate = median(ours.perSecond.map((perSecond, round) => perSecond / theirs.perSecond[round]))
    const rates = `${median(ours.perSecond).toFixed(0)} against ${median(theirs.perSecond).toFixed(0)} calls/s`
    report.line('module', `${era}: calls/s / bare`, rate, '', undefined, rates)
  }
  report.line('module', 'foreign, wrong, lost or missing answers', faults, '', ['=', 0])
  await closeAll()
}
