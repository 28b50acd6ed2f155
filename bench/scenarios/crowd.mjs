// Crowds in closed loop: nobody fails, nobody starves, the tail stays short and memory stays flat; and 200 sessions in
// open loop, which is how a service in use looks.

import { faultWords, faultsOf, median } from '../lib/report.mjs'

export const about = '2,000 clients at once, and memory under load'

const tails = { 500: 50, 2000: 250 }

async function flatness({ ask, server, calls }) {
  const samples = []
  const watch = setInterval(() => samples.push(server.rssKiB()), 100)
  const result = await ask('closed', { name: 'crowd', what: 'call', calls })
  clearInterval(watch)
  const quarter = Math.max(1, samples.length >> 2)
  const from = median(samples.slice(0, quarter))
  const to = median(samples.slice(-quarter))
  return { result, from, to, percent: ((to - from) / from) * 100 }
}

export default async function crowd({ servers, ask, report, quick, rounds, profile, closeAll }) {
  let faults = 0
  const count = (words, result) => {
    if (faultsOf(result) > 0) console.log(`  ${words}: ${faultWords(result)}`)
    faults += faultsOf(result)
  }
  for (const era of ['legacy', 'modern']) {
    const server = await servers.mcplex(era, profile(`crowd-${era}`))
    const { endpoint } = server
    await ask('open', { name: 'crowd', endpoint, era, clients: 200 })
    await ask('closed', { name: 'crowd', what: 'call', ms: 1_000 })
    const steady = []
    for (let round = 1; round <= rounds; round += 1) {
      const result = await ask('rate', { name: 'crowd', what: 'call', rate: 1_000, ms: quick ? 2_000 : 5_000 })
      count(`${era} 1,000/s`, result)
      steady.push(result)
      report.measure('crowd', round, `mcplex ${era}`, 'steady p50', result.p50)
      report.measure('crowd', round, `mcplex ${era}`, 'steady p99', result.p99)
    }
    report.line('crowd', `${era}: 1,000 calls/s over 200 sessions: p50`, median(steady.map(({ p50 }) => p50)), 'ms', ['<=', 0.4])
    report.line('crowd', `${era}: 1,000 calls/s over 200 sessions: p99`, median(steady.map(({ p99 }) => p99)), 'ms', ['<=', 5])
    await ask('close', { name: 'crowd' })

    for (const [clients, limit] of Object.entries(tails)) {
      await ask('open', { name: 'crowd', endpoint, era, clients: Number(clients) })
      count(`${era} warm-up`, await ask('closed', { name: 'crowd', what: 'call', calls: clients * 10 }))
      const seen = []
      for (let round = 1; round <= rounds; round += 1) {
        const result = await ask('closed', { name: 'crowd', what: 'call', ms: quick ? 2_000 : 5_000 })
        count(`${era} ${clients} clients`, result)
        seen.push(result)
        for (const what of ['p50', 'p99', 'max', 'perSecond', 'leastServed', 'mostServed'])
          report.measure('crowd', round, `mcplex ${era} ${clients}`, what, result[what])
      }
      const middle = (what) => median(seen.map((result) => result[what]))
      const words = `p50 ${middle('p50').toFixed(1)}, max ${middle('max').toFixed(0)} ms, ${middle('perSecond').toFixed(0)} calls/s`
      report.line('crowd', `${era}: ${clients} clients, closed loop: p99`, middle('p99'), 'ms', ['<=', limit], words)
      const fair = Math.min(...seen.map(({ leastServed, mostServed }) => leastServed / mostServed))
      const served = `${middle('leastServed')} to ${middle('mostServed')} calls each`
      report.line('crowd', `${era}: ${clients} clients: least served / most served`, fair, '', ['>=', 0.5], served)
      if (Number(clients) !== 2000) await ask('close', { name: 'crowd' })
    }

    const calls = quick ? 20_000 : 100_000
    count(`${era} warm-up`, await ask('closed', { name: 'crowd', what: 'call', calls }))
    const flat = await flatness({ ask, server, calls })
    count(`${era} flatness`, flat.result)
    const words = `${flat.percent.toFixed(1)} %: ${(flat.from / 1024).toFixed(0)} to ${(flat.to / 1024).toFixed(0)} MiB over ${calls} calls`
    report.measure('crowd', 1, `mcplex ${era}`, 'rss change percent', flat.percent)
    report.line('crowd', `${era}: memory under load, change`, Math.abs(flat.percent), '%', ['<=', 5], words)
    await closeAll()
  }
  report.line('crowd', 'foreign, wrong, lost or missing answers', faults, '', ['=', 0])
}
