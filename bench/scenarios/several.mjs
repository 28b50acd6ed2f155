// Several servers behind one endpoint: what finding the right one of ten costs a call, beside the same call at the endpoint
// of that server alone, in the same process (two processes differ by more than is looked for: by what each has compiled, and by
// how many other processes share its caches); beside a process with one server as well; and the merged list of ten servers with 50 tools each from the cache, beside a bare server that stringifies 500.

import { faultWords, faultsOf, median } from '../lib/report.mjs'
import { takeTurns } from '../lib/interleave.mjs'
import { toolsOf } from '../lib/tools.mjs'

export const about = 'calls and lists through a merged endpoint of ten servers'

const upstreams = 10
const toolsEach = 50
const namesOf = (tools) =>
  tools
    .map(({ name }) => name)
    .sort()
    .join()
const merged = Array.from({ length: upstreams }, (_, at) =>
  toolsOf(toolsEach).map(({ name }) => ({ name: `s${at}__${name}` })),
).flat()

export default async function several({ servers, ask, calm, report, quick, rounds, profile, closeAll }) {
  const eras = ['legacy', 'modern']
  const bare = await servers.bare({ tools: upstreams * toolsEach })
  const names = {
    bare: namesOf(toolsOf(upstreams * toolsEach)),
    one: namesOf(toolsOf(toolsEach)),
    ten: namesOf(merged),
  }
  const targets = []
  for (const era of eras) {
    const started = (count) =>
      servers.mcplexOfSeveral(era, { upstreams: count, tools: toolsEach, ...profile(`several-${count}-${era}`) })
    targets.push({ key: `bare ${era}`, era, server: bare, names: names.bare })
    targets.push({ key: `one ${era}`, era, server: await started(1), names: names.one })
    const ten = await started(upstreams)
    targets.push({ key: `ten ${era}`, era, server: ten, names: names.ten, tool: 's7__echo' })
    const member = { ...ten, endpoint: `${ten.endpoint}/s7` }
    targets.push({ key: `member ${era}`, era, server: member, names: names.one })
  }
  for (const { key, era, server, ...asked } of targets) {
    await ask('open', { name: key, endpoint: server.endpoint, era, clients: 50 })
    for (const what of ['call', 'list']) await ask('closed', { name: key, what, ms: quick ? 500 : 2_000, ...asked })
  }

  const seen = new Map(targets.map(({ key }) => [key, { call: [], list: [] }]))
  let faults = 0
  const count = (key, result) => {
    if (faultsOf(result) > 0) console.log(`  ${key}: ${faultWords(result)}`)
    faults += faultsOf(result)
  }
  for (let round = 1; round <= rounds; round += 1)
    for (const what of ['call', 'list']) {
      const found = await takeTurns({ ask, calm, targets, what, slices: quick ? 6 : 16, sliceMs: 250, count })
      for (const [key, values] of found) {
        seen.get(key)[what].push(values)
        report.measure('several', round, key, `${what} cpuUs`, values.cpuUs)
        report.measure('several', round, key, `${what} calmCpuUs`, values.calmCpuUs)
        report.measure('several', round, key, `${what} perSecond`, values.perSecond)
      }
    }

  const each = (key, what, value) => seen.get(key)[what].map((round) => round[value])
  for (const era of eras) {
    const [bareCpu, one, ten, member] = ['bare', 'one', 'ten', 'member'].map((which) =>
      each(`${which} ${era}`, 'call', 'calmCpuUs'),
    )
    const more = (than) => median(ten.map((us, round) => (us - than[round]) / bareCpu[round]))
    const words = (than) =>
      `${median(ten).toFixed(1)} against ${median(than).toFixed(1)} us; bare ${median(bareCpu).toFixed(1)}`
    report.line(
      'several',
      `${era}: CPU of routing a call among ten / bare`,
      more(member),
      '',
      ['<=', 0.1],
      words(member),
    )
    report.line('several', `${era}: beside a process with one / bare`, more(one), '', undefined, words(one))
    const [lists, bareLists] = ['ten', 'bare'].map((which) => each(`${which} ${era}`, 'list', 'perSecond'))
    const rate = median(lists.map((perSecond, round) => perSecond / bareLists[round]))
    const rates = `${median(lists).toFixed(0)} against ${median(bareLists).toFixed(0)} lists/s`
    report.line('several', `${era}: merged lists of 500 tools/s / bare`, rate, '', ['>=', 0.5], rates)
  }
  report.line('several', 'foreign, wrong, lost or missing answers', faults, '', ['=', 0])
  await closeAll()
}
