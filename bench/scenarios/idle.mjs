// Many idle sessions, each with an open event stream: resident memory per session beside bare node's held connection,
// then calls at a fixed rate over all of them. Every round starts fresh processes: memory has no second first time.

import { faultWords, faultsOf, median } from '../lib/report.mjs'

export const about = 'idle sessions with open streams, then calls over them'

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function measure(server, { ask, calm, quick, sessions, clean }) {
  const { endpoint } = server
  await ask('open', { name: 'warm', endpoint, era: 'legacy', clients: 50 })
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
  const opened = await ask('open', { name: 'idle', endpoint, era: 'legacy', clients: sessions, streams: true })
  const after = await settle()
  const order = { name: 'idle', what: 'call', rate: 1_000, ms: quick ? 2_000 : 10_000 }
  const calls = await calm.measure(() => ask('rate', order))
  const standing = await ask('streams', { name: 'idle' })
  await ask('close', { name: 'idle' })
  await clean()
  return {
    asIsKiB: (after.asIs - before.asIs) / sessions,
    collectedKiB: (after.collected - before.collected) / sessions,
    totalMiB: after.asIs / 1024,
    openPerSecond: sessions / opened.seconds,
    broken: sessions - standing,
    calls,
  }
}

export default async function idle({ servers, ask, calm, report, quick, rounds, profile, fileLimit, closeAll }) {
  const wanted = quick ? 2_000 : 10_000
  const room = fileLimit - 500
  const sessions = Math.min(wanted, room)
  if (sessions < wanted)
    console.log(
      `  only ${sessions} sessions: a process may open ${fileLimit} files; raise it with \`ulimit -n ${wanted + 500}\``,
    )
  const makers = {
    bare: () => servers.bare({ gc: true }),
    mcplex: () => servers.mcplex('legacy', { gc: true, ...profile('idle') }),
  }
  const seen = { bare: [], mcplex: [] }
  for (let round = 1; round <= rounds; round += 1)
    for (const [target, make] of Object.entries(makers)) {
      const found = await measure(await make(), { ask, calm, quick, sessions, clean: closeAll })
      seen[target].push(found)
      if (faultsOf(found.calls) > 0) console.log(`  ${target}: ${faultWords(found.calls)}`)
      for (const what of ['asIsKiB', 'collectedKiB', 'totalMiB', 'openPerSecond'])
        report.measure('idle', round, target, what, found[what])
      for (const what of ['p50', 'p99']) report.measure('idle', round, target, what, found.calls[what])
    }
  const middle = (target, what) => median(seen[target].map((found) => found[what]))
  const above = (what) => median(seen.mcplex.map((found, round) => found[what] - seen.bare[round][what]))
  const words = (what) => `${middle('mcplex', what).toFixed(1)} against ${middle('bare', what).toFixed(1)} KiB`
  report.line(
    'idle',
    `${sessions} sessions with streams: RSS each above bare`,
    above('asIsKiB'),
    'KiB',
    ['<=', 12],
    `${words('asIsKiB')}; process ${middle('mcplex', 'totalMiB').toFixed(0)} MiB`,
  )
  report.line('idle', 'the same after a collection', above('collectedKiB'), 'KiB', undefined, words('collectedKiB'))
  const latency = (what) => median(seen.mcplex.map(({ calls }) => calls[what]))
  report.line(
    'idle',
    '1,000 calls/s over them: p99',
    latency('p99'),
    'ms',
    ['<=', 100],
    `p50 ${latency('p50').toFixed(2)} ms`,
  )
  report.line(
    'idle',
    'streams that broke',
    seen.mcplex.reduce((sum, { broken }) => sum + broken, 0),
    '',
    ['=', 0],
  )
  report.line(
    'idle',
    'foreign, wrong, lost or missing answers',
    seen.mcplex.reduce((sum, { calls }) => sum + faultsOf(calls), 0),
    '',
    ['=', 0],
  )
}
