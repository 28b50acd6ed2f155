// What it costs when client and server are of different eras: CPU of the gateway process per call of each lane, beside
// the lane of the same client in front of a server of its own era, and beside bare node:http. Round by round.

import { faultWords, faultsOf, median } from '../lib/report.mjs'
import { takeTurns } from '../lib/interleave.mjs'

export const about = 'tools/call across the eras'

const lanes = [
  { client: 'legacy', server: 'modern' },
  { client: 'modern', server: 'legacy' },
]

export default async function bridge({ servers, ask, calm, report, quick, rounds, profile, closeAll }) {
  const bare = await servers.bare()
  const behind = {
    legacy: await servers.mcplex('legacy', profile('bridge-legacy-server')),
    modern: await servers.mcplex('modern', profile('bridge-modern-server')),
  }
  const targets = []
  for (const era of ['legacy', 'modern']) {
    targets.push({ key: `bare ${era}`, era, server: bare })
    for (const server of ['legacy', 'modern'])
      targets.push({ key: `${era} client, ${server} server`, era, server: behind[server] })
  }
  for (const { key, era, server } of targets) {
    await ask('open', { name: key, endpoint: server.endpoint, era, clients: 50 })
    await ask('closed', { name: key, what: 'call', ms: quick ? 1_000 : 2_000 })
  }

  const seen = new Map(targets.map(({ key }) => [key, []]))
  let faults = 0
  const count = (key, result) => {
    if (faultsOf(result) > 0) console.log(`  ${key}: ${faultWords(result)}`)
    if (!key.startsWith('bare')) faults += faultsOf(result)
  }
  const turns = { ask, calm, what: 'call', slices: quick ? 3 : 8, sliceMs: 500, count, targets }
  for (let round = 1; round <= rounds; round += 1) {
    const taken = await takeTurns(turns)
    for (const { key } of targets) {
      const { cpuUs } = taken.get(key)
      seen.get(key).push(cpuUs)
      report.measure('bridge', round, key, 'cpuUs', cpuUs)
    }
  }

  for (const { client, server } of lanes) {
    const [across, same, floor] = [
      `${client} client, ${server} server`,
      `${client} client, ${client} server`,
      `bare ${client}`,
    ]
    const added = median(seen.get(across).map((us, round) => (us - seen.get(same)[round]) / seen.get(floor)[round]))
    const words = [across, same, floor].map((key) => median(seen.get(key)).toFixed(1))
    report.line(
      'bridge',
      `${across}: CPU added per call over the client's own era / bare`,
      added,
      '',
      ['<=', 0.5],
      `${words[0]} us against ${words[1]} us, bare ${words[2]} us`,
    )
  }
  report.line('bridge', 'foreign, wrong, lost or missing answers', faults, '', ['=', 0])
  await closeAll()
}
