// Creating sessions: CPU of an `initialize` beside a bare request, processes started by it, and how long a newcomer
// waits in the moment in which 2,000 clients with open streams and calls in flight vanish at once.

import { faultWords, faultsOf, median } from '../lib/report.mjs'

export const about = 'session creation, and a newcomer after a mass drop'

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function createMany({ servers, ask, calm, report, rounds, profile }) {
  const count = 5_000
  const width = 50
  const bare = await servers.bare()
  const mcplex = await servers.mcplex('legacy', profile('session'))
  const bareCalls = { name: 'bare calls', endpoint: bare.endpoint, era: 'legacy', clients: width }
  await ask('open', bareCalls)
  await ask('closed', { name: 'bare calls', what: 'call', ms: 1_000 })
  for (const { endpoint } of [bare, mcplex]) {
    await ask('create', { endpoint, count, width })
    await ask('confirm', { endpoint, width })
    await ask('end', { endpoint, width })
  }

  const before = mcplex.descendants()
  const started = new Set()
  const watch = setInterval(() => {
    for (const pid of mcplex.descendants()) if (!before.has(pid)) started.add(pid)
  }, 50)
  const spent = async (server, work) => {
    const from = server.cpuMs()
    const result = await work()
    return { result, cpuMs: server.cpuMs() - from }
  }
  /** Creates, confirms and ends sessions; us of CPU for each step. */
  const lives = async (server) => {
    const { endpoint } = server
    const create = await spent(server, () => ask('create', { endpoint, count, width }))
    const confirm = await spent(server, () => ask('confirm', { endpoint, width }))
    const end = await spent(server, () => ask('end', { endpoint, width }))
    const us = ({ cpuMs }) => (cpuMs * 1000) / count
    return { createUs: us(create), confirmUs: us(confirm), endUs: us(end), perSecond: create.result.perSecond }
  }
  const seen = { ratio: [], perSecond: [], createUs: [], confirmUs: [], endUs: [], bareCallUs: [], bareCreateUs: [] }
  for (let round = 1; round <= rounds; round += 1) {
    const calls = await calm.measure(() =>
      spent(bare, () => ask('closed', { name: 'bare calls', what: 'call', calls: count * 10 })),
    )
    const us = { bareCallUs: (calls.cpuMs * 1000) / calls.result.ok }
    us.bareCreateUs = (await calm.measure(() => lives(bare))).createUs
    const { perSecond, ...ours } = await calm.measure(() => lives(mcplex))
    Object.assign(us, ours)
    const values = { ...us, ratio: us.createUs / us.bareCallUs, perSecond }
    for (const [what, value] of Object.entries(values)) {
      seen[what].push(value)
      report.measure('session', round, what.startsWith('bare') ? 'bare' : 'mcplex', what, value)
    }
  }
  clearInterval(watch)

  const middle = (what) => median(seen[what])
  const words = `${middle('createUs').toFixed(1)} against ${middle('bareCallUs').toFixed(1)} us (bare initialize ${middle('bareCreateUs').toFixed(1)})`
  report.line('session', 'gateway CPU per initialize / bare request', middle('ratio'), '', ['<=', 3], words)
  const rest = `then initialized ${middle('confirmUs').toFixed(1)} us, DELETE ${middle('endUs').toFixed(1)} us`
  report.line('session', 'sessions created per second', middle('perSecond'), '/s', ['>=', 2_000], rest)
  report.line('session', 'processes started by it', started.size, '', ['=', 0], `${before.size} stood before`)
}

async function massDrop({ servers, ask, calm, report, quick, rounds, profile, generator, closeAll }) {
  const clients = quick ? 500 : 2_000
  let faults = 0
  // A process of its own each time: sessions outlive their clients, and would fill the gateway drop by drop.
  const drop = async (name, make) => {
    const server = await make()
    const { endpoint } = server
    await ask('newcomer', { endpoint })
    const doomed = generator()
    await doomed.ask('open', { name: 'doomed', endpoint, era: 'legacy', clients, streams: true })
    const warm = await doomed.ask('closed', { name: 'doomed', what: 'call', calls: clients * 5 })
    if (faultsOf(warm) > 0) console.log(`  ${name}, before the drop: ${faultWords(warm)}`)
    faults += faultsOf(warm)
    // Not awaited: the generator dies in the middle of it, which closes every socket in one moment.
    doomed.ask('closed', { name: 'doomed', what: 'call', ms: 60_000 }).catch(() => {})
    await pause(1_500)
    const killedAt = performance.now()
    // To close some thousands of sockets takes the dying process itself a while, on the newcomer's core.
    const gone = doomed.kill().then(() => performance.now())
    await ask('newcomer', { endpoint })
    const answeredAt = performance.now()
    const found = { afterKillMs: answeredAt - killedAt, afterLastMs: Math.max(0, answeredAt - (await gone)) }
    await closeAll()
    return found
  }
  const makers = { bare: () => servers.bare(), mcplex: () => servers.mcplex('legacy', profile('drop')) }
  const waits = { bare: [], mcplex: [] }
  for (let round = 1; round <= rounds; round += 1)
    for (const [name, make] of Object.entries(makers)) {
      const found = await calm.measure(() => drop(name, make))
      waits[name].push(found)
      for (const [what, ms] of Object.entries(found)) report.measure('session', round, name, `newcomer ${what}`, ms)
    }
  const middle = (name, what) => median(waits[name].map((found) => found[what]))
  const both = (name) => `${middle(name, 'afterKillMs').toFixed(0)} ms after the kill`
  const words = `${both('mcplex')}; bare ${middle('bare', 'afterLastMs').toFixed(0)}, ${both('bare')}`
  const what = `newcomer's initialize after the last of ${clients} is gone`
  report.line('session', what, middle('mcplex', 'afterLastMs'), 'ms', ['<=', 200], words)
  report.line('session', 'foreign, wrong, lost or missing answers', faults, '', ['=', 0])
}

export default async function session(context) {
  await createMany(context)
  await context.closeAll()
  await massDrop(context)
  await context.closeAll()
}
