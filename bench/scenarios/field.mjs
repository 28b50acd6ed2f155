// Clients as they come in the field: of 100 sessions that open and list the tools, 2 make a call. Each session that calls
// has a process of its own (the default mode). Sessions per second beside bare, and the memory of a session that stays.

import { median } from '../lib/report.mjs'

export const about = 'of 100 sessions that open and list, 2 call; a process for each session that calls'

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

export default async function field({ servers, ask, calm, report, quick, rounds, profile, closeAll }) {
  const count = quick ? 500 : 2_000
  const width = 32
  const makers = {
    bare: () => servers.bare({ gc: true }),
    mcplex: () => servers.mcplex('legacy', { gc: true, mode: 'session', ...profile('field') }),
  }
  const seen = { bare: [], mcplex: [] }
  let wrong = 0
  // Fresh processes for each round: memory has no second first time.
  for (let round = 1; round <= rounds; round += 1)
    for (const [name, make] of Object.entries(makers)) {
      const server = await make()
      const { endpoint } = server
      const settledKiB = async () => {
        await pause(1_000)
        server.signal('SIGUSR2')
        await pause(1_500)
        return server.rssKiB()
      }
      await ask('visit', { endpoint, count: 200, width })
      await ask('end', { endpoint, width })
      const before = await settledKiB()
      const found = await calm.measure(async () => {
        // A measurement that is repeated must not leave the sessions of the one before.
        await ask('end', { endpoint, width })
        const fromMs = server.cpuMs()
        const visited = await ask('visit', { endpoint, count, width })
        return { ...visited, cpuUs: ((server.cpuMs() - fromMs) * 1000) / count }
      })
      const sessionKiB = ((await settledKiB()) - before) / count
      wrong += found.wrong
      const values = { perSecond: found.perSecond, cpuUs: found.cpuUs, sessionKiB }
      seen[name].push(values)
      for (const [what, value] of Object.entries(values)) report.measure('field', round, name, what, value)
      await closeAll()
    }
  const middle = (name, what) => median(seen[name].map((values) => values[what]))
  const both = (what, unit, digits) =>
    `${middle('mcplex', what).toFixed(digits)} against ${middle('bare', what).toFixed(digits)} ${unit}`
  const ratio = (what) => median(seen.mcplex.map((values, round) => values[what] / seen.bare[round][what]))
  report.line('field', 'sessions/s / bare', ratio('perSecond'), '', undefined, both('perSecond', 'sessions/s', 0))
  report.line('field', 'gateway CPU per session / bare', ratio('cpuUs'), '', undefined, both('cpuUs', 'us', 0))
  const above = middle('mcplex', 'sessionKiB') - middle('bare', 'sessionKiB')
  report.line('field', 'memory per session above bare', above, 'KiB', undefined, both('sessionKiB', 'KiB', 1))
  report.line('field', 'foreign, wrong, lost or missing answers', wrong, '', ['=', 0])
}
