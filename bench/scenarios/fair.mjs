// How scarce things are shared. A server that runs ten calls at once: what a session with one call at a time waits for, alone
// and beside a session that offers a hundred times as much. And a hundred sessions at an API of so many calls a second, shared by
// `limited`: none is refused by the API, and each gets as much as any other.

import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { faultWords, faultsOf, median } from '../lib/report.mjs'

export const about = 'a session beside one with a hundred times its load; a hundred sessions at an API with a limit'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))

export default async function fair(context) {
  const { report, closeAll } = context
  let faults = 0
  const count = (key, result) => {
    if (faultsOf(result) > 0) console.log(`  ${key}: ${faultWords(result)}`)
    faults += faultsOf(result)
    return result
  }
  await besideACrowd(context, count)
  await atAnApi(context, count)
  report.line('fair', 'foreign, wrong, lost or missing answers', faults, '', ['=', 0])
  await closeAll()
}

async function besideACrowd({ servers, ask, calm, generator, report, quick, rounds, closeAll }, count) {
  const command = [process.execPath, at('../slow-child.mjs'), '--slots', '1000', '--takes', '20']
  const upstreams = { slow: { command, mode: 'shared', pool: { max: 1, spares: 0 }, concurrency: 10 } }
  const { endpoint } = await servers.mcplexUp(upstreams, { limits: { callsPerSession: 200 } })
  const crowd = generator()
  const open = { endpoint, era: 'legacy', clients: 1 }
  await ask('open', { ...open, name: 'quiet' })
  await crowd.ask('open', { ...open, name: 'crowd' })
  const ms = quick ? 4_000 : 10_000
  const quiet = async (key) => count(key, await ask('closed', { name: 'quiet', what: 'call', ms }))
  await quiet('warm-up')
  const [alone, beside] = [[], []]
  for (let round = 1; round <= rounds; round += 1) {
    alone.push(await calm.measure(() => quiet('alone')))
    const both = await calm.measure(async () => {
      const load = crowd.ask('closed', { name: 'crowd', what: 'call', wires: 100, ms: ms + 1_000 })
      const found = await quiet('beside')
      count('crowd', await load)
      return found
    })
    beside.push(both)
    for (const [target, results] of Object.entries({ alone, beside }))
      for (const what of ['p50', 'p99']) report.measure('fair', round, target, what, results.at(-1)[what])
  }
  await crowd.kill()
  const tell = (what, goal) => {
    const ratio = median(beside.map((result, round) => result[what] / alone[round][what]))
    const words = [beside, alone].map((results) => median(results.map((result) => result[what])).toFixed(1))
    const title = `${what} beside 100 times the load / alone`
    report.line('fair', title, ratio, '', goal, `${words.join(' against ')} ms`)
  }
  tell('p99', ['<=', 1.2])
  tell('p50', undefined)
  await closeAll()
}

async function atAnApi({ servers, ask, report, quick }, count) {
  // Enough for a call or more of each session: at ten calls a second that takes a while.
  const [rate, ms] = quick ? [100, 10_000] : [10, 100_000]
  const api = await startApi(rate)
  const env = { BENCH_API: api.url, BENCH_RATE: String(rate) }
  const { endpoint } = await servers.mcplexUp({ mine: { module: at('../limited-module.mjs') } }, { env })
  await ask('open', { name: 'api', endpoint, era: 'legacy', clients: 100 })
  // The first answers on each connection are not counted, and are served in turns as well.
  const { leastServed, mostServed, ok } = count('api', await ask('closed', { name: 'api', what: 'call', ms }))
  api.close()
  report.line(
    'fair',
    `100 sessions, an API of ${rate} calls/s: refused by it`,
    api.refused,
    '',
    ['=', 0],
    `${ok} calls`,
  )
  const words = `${leastServed} to ${mostServed} calls each`
  report.line(
    'fair',
    'the session with most calls / the one with fewest',
    mostServed / leastServed,
    '',
    ['<=', 1.2],
    words,
  )
}

/** An API that allows so many calls within any second, and answers 429 to those beyond. */
async function startApi(rate) {
  const answeredAt = []
  const api = { refused: 0 }
  const server = createServer((_request, response) => {
    const now = performance.now()
    while (answeredAt[0] <= now - 1000) answeredAt.shift()
    if (answeredAt.length >= rate) {
      api.refused += 1
      response.writeHead(429, { 'Retry-After': '1' }).end()
      return
    }
    answeredAt.push(now)
    response.end('answered')
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  api.url = `http://127.0.0.1:${server.address().port}/`
  api.close = () => {
    server.closeAllConnections()
    server.close()
  }
  return api
}
