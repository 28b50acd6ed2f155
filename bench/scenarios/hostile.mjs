// Two hostile tenants and one good one, for a minute: what the calls of the good one take beside them, compared with what they
// take alone, in turns; whether anything crosses; and whether each refusal says why. The good one calls a tool that takes 20 ms,
// as tools do that ask a database or an API; what becomes of a tool that takes nothing is told beside it.

import { fileURLToPath } from 'node:url'
import { keyOf } from '../lib/keys.mjs'
import { median } from '../lib/report.mjs'

export const about = 'calls of a tenant beside two that flood, hang, leave answers unread and send giant bodies'

const fixture = fileURLToPath(new URL('../../test/fixtures/echo-legacy.mjs', import.meta.url))

export default async function hostile({ servers, calm, program, report, quick, closeAll }) {
  const [good, mallory, trudy] = ['good', 'mallory', 'trudy'].map((tenant) => keyOf(tenant, 'same'))
  const command = [process.execPath, fixture]
  const upstreams = { echo: { command, mode: 'tenant', callIdle: '1500ms', pool: { max: 9, spares: 0 } } }
  const parts = {
    auth: { methods: ['keys'], keys: [good, mallory, trudy].map(({ line }) => line) },
    tenants: {
      default: { upstreams: ['*'], maxConnections: 60, maxCalls: 20, rate: '1200/min, burst 40' },
      good: { rate: '1000/s' },
      mallory: {},
      trudy: {},
    },
  }
  const { endpoint: url } = await servers.mcplexUp(upstreams, { parts })
  const clients = program('good-clients.mjs')
  const attackers = program('hostile-clients.mjs')
  const tools = { slow: { ms: 20 }, echo: {} }
  const work = (tool, ms) => clients.ask({ url, key: good.key, tenant: 'good', tool, args: tools[tool], ms })
  for (const tool of Object.keys(tools)) await work(tool, 1000)
  const ms = quick ? 1500 : 5000
  const turns = quick ? 2 : 6
  const seen = Object.fromEntries(Object.keys(tools).map((tool) => [tool, { alone: [], beside: [] }]))
  const [faults, untyped, reasons] = [[], [], {}]
  for (let turn = 1; turn <= turns; turn += 1) {
    const measure = async (when) => {
      for (const tool of Object.keys(tools)) {
        const found = await work(tool, ms)
        seen[tool][when].push(found)
        faults.push(...found.failures, ...found.foreign)
        for (const what of ['p50', 'p99']) report.measure('hostile', turn, `${tool} ${when}`, what, found[what])
      }
    }
    await calm.measure(() => measure('alone'))
    attackers.tell({ start: { url, keys: { mallory: mallory.key, trudy: trudy.key } } })
    await measure('beside')
    for (const found of Object.values(await attackers.ask({ stop: true }))) {
      faults.push(...found.foreign)
      untyped.push(...found.untyped)
      Object.assign(reasons, found.reasons)
    }
  }
  for (const tool of Object.keys(tools)) {
    const { alone, beside } = seen[tool]
    // Of a turn that was measured again, the last counts.
    const own = alone.slice(-turns)
    for (const what of ['p99', 'p50']) {
      const of = (all) => median(all.map((found) => found[what]))
      const goal = tool === 'slow' && what === 'p99' ? ['<=', 1.2] : undefined
      const words = `${of(beside).toFixed(1)} against ${of(own).toFixed(1)} ms`
      const title = `${tool === 'slow' ? 'a tool of 20 ms' : 'echo'}, ${what} beside them / alone`
      report.line('hostile', title, of(beside) / of(own), '', goal, words)
    }
  }
  const told = Object.keys(reasons).toSorted().join(' ')
  report.line('hostile', 'refusals without a reason', untyped.length, '', ['=', 0], untyped[0] ?? told)
  report.line('hostile', 'foreign answers, and failed calls of the good one', faults.length, '', ['=', 0], faults[0])
  clients.end()
  attackers.end()
  await closeAll()
}
