// Crowds in closed loop: no call fails, no client starves, the tail stays short and memory stays flat; and 200 sessions in
// open loop, which is how a service in use looks. Bare stands beside it: a tail that bare shares is the machine's.

import { faultWords, faultsOf, median } from '../lib/report.mjs'

export const about = '2,000 clients at once, and memory under load'

const tails = [
  { clients: 500, limit: 50 },
  { clients: 2_000, limit: 250 },
]

/** The same load on every target, round by round; resolves to target name -> results. */
async function interleaved({ ask, calm, report, rounds }, title, targets, clients, order, count) {
  const seen = Object.fromEntries(targets.map(({ name }) => [name, []]))
  for (const { name, era, server } of targets) {
    await ask('open', { name, endpoint: server.endpoint, era, clients })
    count(`${name} warm-up`, await ask('closed', { name, what: 'call', calls: Math.max(5_000, clients * 10) }))
  }
  for (let round = 1; round <= rounds; round += 1)
    for (const { name } of targets) {
      const result = await calm.measure(async () => {
        const answer = await ask(order.load, { name, what: 'call', ...order })
        count(`${name} ${title}`, answer)
        return answer
      })
      seen[name].push(result)
      for (const what of ['p50', 'p99', 'max', 'perSecond', 'leastServed', 'mostServed'])
        report.measure('crowd', round, `${name} ${title}`, what, result[what])
    }
  for (const { name } of targets) await ask('close', { name })
  return seen
}

async function flatness({ ask, report, quick }, { era, server }, count) {
  const calls = quick ? 20_000 : 100_000
  await ask('open', { name: 'flat', endpoint: server.endpoint, era, clients: 2_000 })
  count('warm-up', await ask('closed', { name: 'flat', what: 'call', calls }))
  const samples = []
  const watch = setInterval(() => samples.push(server.rssKiB()), 50)
  count('flatness', await ask('closed', { name: 'flat', what: 'call', calls }))
  clearInterval(watch)
  await ask('close', { name: 'flat' })
  const quarter = Math.max(1, samples.length >> 2)
  const [from, to] = [median(samples.slice(0, quarter)), median(samples.slice(-quarter))]
  const percent = ((to - from) / from) * 100
  const words = `${percent.toFixed(1)} %: ${(from / 1024).toFixed(0)} to ${(to / 1024).toFixed(0)} MiB over ${calls} calls`
  report.measure('crowd', 1, `mcplex ${era}`, 'rss change percent', percent)
  report.line('crowd', `${era}: 2000 clients, memory under load, change`, Math.abs(percent), '%', ['<=', 5], words)
}

export default async function crowd(context) {
  const { servers, report, quick, profile, closeAll } = context
  let faults = 0
  const count = (words, result) => {
    if (faultsOf(result) > 0) console.log(`  ${words}: ${faultWords(result)}`)
    faults += faultsOf(result)
  }
  for (const era of ['legacy', 'modern']) {
    const targets = [
      { name: 'bare', era, server: await servers.bare() },
      { name: 'mcplex', era, server: await servers.mcplex(era, profile(`crowd-${era}`)) },
    ]
    const say = (title, seen, what, limit, detail) => {
      const of = (name) => median(seen[name].map((result) => result[what]))
      report.line(
        'crowd',
        `${era}: ${title}: ${what}`,
        of('mcplex'),
        'ms',
        ['<=', limit],
        `bare ${of('bare').toFixed(2)} ms${detail}`,
      )
    }

    const open = { load: 'rate', rate: 1_000, ms: quick ? 2_000 : 5_000 }
    const steady = await interleaved(context, `${era} steady`, targets, 200, open, count)
    say('1,000 calls/s over 200 sessions', steady, 'p50', 0.4, '')
    say('1,000 calls/s over 200 sessions', steady, 'p99', 5, '')

    for (const { clients, limit } of tails) {
      const closed = { load: 'closed', ms: quick ? 2_000 : 4_000 }
      const seen = await interleaved(context, `${era} ${clients}`, targets, clients, closed, count)
      const middle = (what) => median(seen.mcplex.map((result) => result[what]))
      const words = `; p50 ${middle('p50').toFixed(1)}, max ${middle('max').toFixed(0)} ms, ${middle('perSecond').toFixed(0)} calls/s`
      say(`${clients} clients, closed loop`, seen, 'p99', limit, words)
      const fairness = (name) => Math.min(...seen[name].map(({ leastServed, mostServed }) => leastServed / mostServed))
      const served = `${middle('leastServed')} to ${middle('mostServed')} calls each; bare ${fairness('bare').toFixed(2)}`
      report.line(
        'crowd',
        `${era}: ${clients} clients: least served / most served`,
        fairness('mcplex'),
        '',
        ['>=', 0.5],
        served,
      )
    }
    await flatness(context, targets[1], count)
    await closeAll()
  }
  report.line('crowd', 'foreign, wrong, lost or missing answers', faults, '', ['=', 0])
}
