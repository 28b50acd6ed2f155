// tools/call of a module of tools in the gateway's own process, a server object for each of 50 sessions, both eras: what
// mcplex costs besides the server object, and calls per second from end to end, beside a bare server. What the objects cost
// is seen where the same ones stand behind the bare server: a single object in a loop of its own takes half of that.

import { faultWords, faultsOf, median } from '../lib/report.mjs'
import { takeTurns } from '../lib/interleave.mjs'

export const about = 'tools/call of a module in the same process'

export default async function module({ servers, ask, calm, report, quick, rounds, profile, closeAll }) {
  const eras = ['legacy', 'modern']
  const bare = await servers.bare()
  const objects = await servers.bare({ objects: true })
  const targets = []
  for (const era of eras) {
    targets.push({ key: `bare ${era}`, era, server: bare })
    targets.push({ key: `objects ${era}`, era, server: objects })
    const server = await servers.mcplexOfModule(era, profile(`module-${era}`))
    targets.push({ key: `mcplex ${era}`, era, server })
  }
  for (const { key, era, server } of targets) {
    await ask('open', { name: key, endpoint: server.endpoint, era, clients: 50 })
    // Much code of the SDK and of zod has a part in a call: it takes thousands of them until all of it is compiled.
    await ask('closed', { name: key, what: 'call', ms: quick ? 4_000 : 8_000 })
  }

  const seen = new Map(targets.map(({ key }) => [key, { calmCpuUs: [], perSecond: [] }]))
  let faults = 0
  const count = (key, result) => {
    if (faultsOf(result) > 0) console.log(`  ${key}: ${faultWords(result)}`)
    faults += faultsOf(result)
  }
  for (let round = 1; round <= rounds; round += 1) {
    const found = await takeTurns({ ask, calm, targets, what: 'call', slices: quick ? 3 : 8, sliceMs: 500, count })
    for (const [key, { calmCpuUs, perSecond }] of found)
      for (const [what, value] of Object.entries({ calmCpuUs, perSecond })) {
        seen.get(key)[what].push(value)
        report.measure('module', round, key, what, value)
      }
  }

  for (const era of eras) {
    const [ours, theirs, behindBare] = ['mcplex', 'bare', 'objects'].map((which) => seen.get(`${which} ${era}`))
    const object = behindBare.calmCpuUs.map((us, round) => us - theirs.calmCpuUs[round])
    const added = median(ours.calmCpuUs.map((us, round) => (us - object[round]) / theirs.calmCpuUs[round]))
    const parts = `${median(ours.calmCpuUs).toFixed(1)} us, of these the server object ${median(object).toFixed(1)}; bare ${median(theirs.calmCpuUs).toFixed(1)}`
    report.line('module', `${era}: CPU beside the server object per call / bare`, added, '', ['<=', 1.5], parts)
    const rate = median(ours.perSecond.map((perSecond, round) => perSecond / theirs.perSecond[round]))
    const rates = `${median(ours.perSecond).toFixed(0)} against ${median(theirs.perSecond).toFixed(0)} calls/s`
    report.line('module', `${era}: calls/s / bare`, rate, '', undefined, rates)
  }
  report.line('module', 'foreign, wrong, lost or missing answers', faults, '', ['=', 0])
  await closeAll()
}
