// tools/call of echo through a pooled stdio server: CPU of the gateway process per call, calls per second, latency of
// one client; beside bare node:http and npm's mcp-proxy, round by round. Each era goes to a server of its own era.

import { faultWords, faultsOf, median } from '../lib/report.mjs'
import { takeTurns } from '../lib/interleave.mjs'

export const about = 'tools/call through a pooled stdio server'

export default async function call({ servers, ask, calm, report, quick, rounds, profile, closeAll }) {
  const eras = ['legacy', 'modern']
  const bare = await servers.bare()
  const targets = []
  for (const era of eras) {
    targets.push({ key: `bare ${era}`, era, server: bare })
    targets.push({ key: `bare proxy ${era}`, era, server: await servers.bareProxy(era) })
    targets.push({ key: `mcplex ${era}`, era, server: await servers.mcplex(era, profile(`call-${era}`)) })
  }
  targets.push({ key: 'mcp-proxy legacy', era: 'legacy', server: await servers.mcpProxy() })

  for (const { key, era, server } of targets) {
    await ask('open', { name: key, endpoint: server.endpoint, era, clients: 50 })
    await ask('open', { name: `${key} one`, endpoint: server.endpoint, era, clients: 1 })
    await ask('closed', { name: key, what: 'call', ms: quick ? 1_000 : 2_000 })
  }

  const seen = new Map(targets.map(({ key }) => [key, { cpuUs: [], perSecond: [], p99: [], one: [] }]))
  let faults = 0
  const count = (key, result) => {
    if (faultsOf(result) > 0) console.log(`  ${key}: ${faultWords(result)}`)
    if (key.startsWith('mcplex')) faults += faultsOf(result)
  }
  const turns = { ask, calm, what: 'call', slices: quick ? 3 : 8, sliceMs: 500, count }
  const alone = targets.map((target) => ({ ...target, name: `${target.key} one` }))
  for (let round = 1; round <= rounds; round += 1) {
    const many = await takeTurns({ ...turns, targets })
    const one = await takeTurns({ ...turns, targets: alone, sliceMs: 250 })
    for (const { key } of targets) {
      const { cpuUs, perSecond, p99 } = many.get(key)
      for (const [what, value] of Object.entries({ cpuUs, perSecond, p99, one: one.get(key).p50 })) {
        seen.get(key)[what].push(value)
        report.measure('call', round, key, what, value)
      }
    }
  }

  const ratios = (key, other, what) =>
    median(seen.get(key)[what].map((value, round) => value / seen.get(other)[what][round]))
  const middle = (key, what) => median(seen.get(key)[what])
  for (const era of eras) {
    const [ours, theirs] = [`mcplex ${era}`, `bare ${era}`]
    const words = (what, unit, digits = 1) =>
      `${middle(ours, what).toFixed(digits)} against ${middle(theirs, what).toFixed(digits)} ${unit}`
    report.line(
      'call',
      `${era}: gateway CPU per call / bare`,
      ratios(ours, theirs, 'cpuUs'),
      '',
      ['<=', 2],
      words('cpuUs', 'us'),
    )
    report.line(
      'call',
      `${era}: calls/s / bare, child on the same core`,
      ratios(ours, theirs, 'perSecond'),
      '',
      ['>=', 0.25],
      words('perSecond', 'calls/s', 0),
    )
    const floor = `bare proxy ${era}`
    const floorWords = `${middle(floor, 'cpuUs').toFixed(1)} us, ${middle(floor, 'perSecond').toFixed(0)} calls/s, one client ${middle(floor, 'one').toFixed(3)} ms`
    report.line(
      'call',
      `${era}: a bare proxy's CPU per call / bare`,
      ratios(floor, theirs, 'cpuUs'),
      '',
      undefined,
      floorWords,
    )
    const added = median(seen.get(ours).one.map((value, round) => value - seen.get(theirs).one[round]))
    report.line('call', `${era}: one client, added p50`, added, 'ms', ['<=', 0.2], words('one', 'ms', 3))
    report.line(
      'call',
      `${era}: 50 clients, p99`,
      middle(ours, 'p99'),
      'ms',
      ['<=', 10],
      `bare ${middle(theirs, 'p99').toFixed(2)} ms`,
    )
  }
  const proxy = middle('mcp-proxy legacy', 'perSecond').toFixed(0)
  report.line(
    'call',
    'legacy: calls/s / npm mcp-proxy',
    ratios('mcplex legacy', 'mcp-proxy legacy', 'perSecond'),
    '',
    ['>=', 5],
    `mcp-proxy ${proxy} calls/s`,
  )
  report.line('call', 'foreign, wrong, lost or missing answers', faults, '', ['=', 0])
  await closeAll()
}
