// A thousand event streams over one HTTP/2 connection: resident memory per stream beside bare node:http2, then calls over
// the same connection at a fixed rate and as fast as they are answered. Every round starts fresh processes.

import { faultWords, faultsOf, median } from '../lib/report.mjs'

export const about = '1,000 event streams over one HTTP/2 connection, and calls beside them'

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const count = 1_000

async function measure(server, { ask, calm, quick, clean }) {
  const { endpoint } = server
  const over = 'h2'
  await ask('open', { name: 'warm', endpoint, over, clients: 50 })
  await ask('closed', { name: 'warm', what: 'call', ms: quick ? 500 : 2_000 })
  await ask('close', { name: 'warm' })
  const settle = async () => {
    await pause(quick ? 1_000 : 5_000)
    const asIs = server.rssKiB()
    server.signal('SIGUSR2')
    await pause(1_500)
    return { asIs, collected: server.rssKiB() }
  }
  const before = await settle()
  await ask('open', { name: 'many', endpoint, over, clients: count, streams: true })
  const after = await settle()
  const calls = await calm.measure(() => ask('rate', { name: 'many', rate: 1_000, ms: quick ? 2_000 : 10_000 }))
  const busy = await calm.measure(async () => {
    const cpuMs = server.cpuMs()
    const found = await ask('closed', { name: 'many', what: 'call', ms: quick ? 1_000 : 5_000 })
    return { ...found, cpuUs: ((server.cpuMs() - cpuMs) * 1000) / found.ok }
  })
  const standing = await ask('streams', { name: 'many' })
  await ask('close', { name: 'many' })
  await clean()
  return {
    asIsKiB: (after.asIs - before.asIs) / count,
    collectedKiB: (after.collected - before.collected) / count,
    broken: count - standing,
    p50: calls.p50,
    p99: calls.p99,
    perSecond: busy.perSecond,
    cpuUs: busy.cpuUs,
    calls,
    busy,
  }
}

export default async function streams({ servers, ask, calm, report, quick, rounds, profile, closeAll }) {
  const makers = {
    bare: () => servers.bare({ gc: true, http2: true }),
    mcplex: () => servers.mcplex('legacy', { gc: true, ...profile('streams') }),
  }
  const seen = { bare: [], mcplex: [] }
  for (let round = 1; round <= rounds; round += 1)
    for (const [target, make] of Object.entries(makers)) {
      const found = await measure(await make(), { ask, calm, quick, clean: closeAll })
      seen[target].push(found)
      for (const result of [found.calls, found.busy])
        if (faultsOf(result) > 0) console.log(`  ${target}: ${faultWords(result)}`)
      for (const what of ['asIsKiB', 'collectedKiB', 'p50', 'p99', 'perSecond', 'cpuUs'])
        report.measure('streams', round, target, what, found[what])
    }
  const middle = (target, what) => median(seen[target].map((found) => found[what]))
  const above = (what) => median(seen.mcplex.map((found, round) => found[what] - seen.bare[round][what]))
  const ratio = (what) => median(seen.mcplex.map((found, round) => found[what] / seen.bare[round][what]))
  const words = (what, unit, digits) =>
    `${middle('mcplex', what).toFixed(digits)} against ${middle('bare', what).toFixed(digits)} ${unit}`
  const title = `${count} streams on one connection`
  report.line(
    'streams',
    `${title}: RSS each above bare`,
    above('asIsKiB'),
    'KiB',
    ['<=', 12],
    words('asIsKiB', 'KiB', 1),
  )
  report.line(
    'streams',
    'the same after a collection',
    above('collectedKiB'),
    'KiB',
    undefined,
    words('collectedKiB', 'KiB', 1),
  )
  report.line(
    'streams',
    '1,000 calls/s beside them: p99',
    middle('mcplex', 'p99'),
    'ms',
    ['<=', 100],
    `p50 ${words('p50', 'ms', 2)}; p99 bare ${middle('bare', 'p99').toFixed(2)} ms`,
  )
  report.line(
    'streams',
    '50 calls at once: gateway CPU per call / bare',
    ratio('cpuUs'),
    '',
    ['<=', 2],
    words('cpuUs', 'us', 1),
  )
  report.line(
    'streams',
    'the same: calls/s / bare, child on the same core',
    ratio('perSecond'),
    '',
    ['>=', 0.25],
    words('perSecond', 'calls/s', 0),
  )
  const sum = (what) => seen.mcplex.reduce((total, found) => total + what(found), 0)
  report.line(
    'streams',
    'streams that broke',
    sum(({ broken }) => broken),
    '',
    ['=', 0],
  )
  const faults = sum(({ calls, busy }) => faultsOf(calls) + faultsOf(busy))
  report.line('streams', 'foreign, wrong, lost or missing answers', faults, '', ['=', 0])
}
