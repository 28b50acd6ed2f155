// What it costs to know who is calling: a call with a token that was checked, limits and rules of a tenant, beside one of an
// mcplex without them; 3,000 times `initialize` without good credentials; and whether the session of somebody else takes as long
// as one that does not exist.

import { generateKeyPairSync, sign } from 'node:crypto'
import { Agent, createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { exchange, openSession, sessionCall } from '../lib/asking.mjs'
import { takeTurns } from '../lib/interleave.mjs'
import { keyOf } from '../lib/keys.mjs'
import { faultWords, faultsOf, median } from '../lib/report.mjs'

export const about = 'a token, limits and rules of a tenant; refused clients; sessions of others'

const child = fileURLToPath(new URL('../child.mjs', import.meta.url))
const publicUrl = 'https://mcp.example.com'
const upstreamsOf = (era) => ({
  echo: { command: [process.execPath, child, '--era', era], mode: 'shared', pool: { max: 1, spares: 0 } },
})

export default async function identity(context) {
  const issuer = await startIssuer()
  try {
    await known(context, issuer)
    await anonymous(context, issuer)
    await strangers(context)
  } finally {
    issuer.close()
  }
}

/** All that a tenant can have, so wide that it refuses nothing. */
const tenants = {
  default: {
    upstreams: ['*'],
    tools: ['ec*', '!forbidden_*'],
    maxConnections: 10_000,
    maxCalls: 10_000,
    rate: '10000000/min',
    subjectRate: '10000000/min',
    toolRates: { 'ec*': '10000000/min' },
    upstreamRates: { echo: '10000000/min' },
    quota: ['100000000/day'],
    costs: { 'tools/list': 0 },
  },
  acme: { weight: 2 },
}

const authOf = ({ url }) => ({ methods: ['keys', 'oauth'], issuers: [`${url} tenantClaim=org`], publicUrl })

async function known({ servers, ask, calm, report, quick, rounds, profile, closeAll }, issuer) {
  const eras = ['legacy', 'modern']
  const credentials = issuer.token()
  const bare = await servers.bare()
  const targets = []
  for (const era of eras) {
    const none = await servers.mcplexUp(upstreamsOf(era))
    const options = { parts: { auth: { ...authOf(issuer), scopes: ['mcp:tools tools/*'] }, tenants } }
    const all = await servers.mcplexUp(upstreamsOf(era), { ...options, ...profile(`identity-${era}`) })
    targets.push({ key: `bare ${era}`, era, server: bare })
    targets.push({ key: `none ${era}`, era, server: none })
    targets.push({ key: `all ${era}`, era, server: all, credentials })
  }
  for (const { key, era, server, credentials: shown } of targets) {
    await ask('open', { name: key, endpoint: server.endpoint, era, clients: 50, credentials: shown })
    await ask('closed', { name: key, what: 'call', ms: quick ? 1_000 : 2_000 })
  }
  const seen = new Map(targets.map(({ key }) => [key, []]))
  let faults = 0
  const count = (key, result) => {
    if (faultsOf(result) > 0) console.log(`  ${key}: ${faultWords(result)}`)
    faults += faultsOf(result)
  }
  for (let round = 1; round <= rounds; round += 1) {
    const found = await takeTurns({ ask, calm, targets, what: 'call', slices: quick ? 8 : 24, sliceMs: 250, count })
    for (const [key, values] of found) {
      seen.get(key).push(values.calmCpuUs)
      report.measure('identity', round, key, 'calmCpuUs', values.calmCpuUs)
    }
  }
  for (const era of eras) {
    const [bareUs, none, all] = ['bare', 'none', 'all'].map((which) => seen.get(`${which} ${era}`))
    const more = median(all.map((us, round) => (us - none[round]) / bareUs[round]))
    const words = `${median(all).toFixed(1)} against ${median(none).toFixed(1)} us; bare ${median(bareUs).toFixed(1)}`
    report.line('identity', `${era}: token, limits and rules / bare`, more, '', ['<=', 0.3], words)
  }
  report.line('identity', 'foreign, wrong, lost or missing answers', faults, '', ['=', 0])
  await closeAll()
}

async function anonymous({ servers, ask, report, closeAll }, issuer) {
  const server = await servers.mcplexUp(upstreamsOf('legacy'), { parts: { auth: authOf(issuer) } })
  const refuse = async (count, shown) =>
    ask('refused', { endpoint: server.endpoint, count, width: 100, credentials: shown })
  const bad = [undefined, keyOf('acme', 'eve').key, issuer.token({ exp: 1 })]
  for (const shown of bad) await refuse(500, shown)
  const [before, kiB, cpuMs] = [server.descendants(), server.rssKiB(), server.cpuMs()]
  for (const shown of bad) await refuse(1000, shown)
  const us = ((server.cpuMs() - cpuMs) * 1000) / 3000
  const mib = (server.rssKiB() - kiB) / 1024
  const started = [...server.descendants()].filter((pid) => ![...before].includes(pid)).length
  report.line(
    'identity',
    '3,000 anonymous initialize: memory',
    mib,
    'MiB',
    ['<=', 40],
    `${us.toFixed(0)} us of CPU each`,
  )
  report.line('identity', 'the same: processes', started, '', ['=', 0])
  await closeAll()
}

async function strangers({ servers, calm, report, quick, closeAll }) {
  const [owner, stranger] = [keyOf('acme', 'ann'), keyOf('globex', 'ann')]
  const auth = { methods: ['keys'], keys: [owner.line, stranger.line] }
  const { endpoint } = await servers.mcplexUp(upstreamsOf('legacy'), { parts: { auth } })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const { session } = await openSession(endpoint, agent, owner.key)
  const ids = [session, 'x'.repeat(session.length)]
  const measure = async (count) => {
    const times = [[], []]
    for (let at = 0; at < count; at += 1)
      for (const which of at % 2 === 0 ? [0, 1] : [1, 0]) {
        const startedAt = performance.now()
        const call = sessionCall(ids[which], 'echo', { text: 'x' })
        const { status } = await exchange(endpoint, agent, stranger.key, call)
        times[which].push(performance.now() - startedAt)
        if (status !== 404) throw new Error(`the session of somebody else was answered with ${status}`)
      }
    return times.map(median)
  }
  await measure(500)
  const [foreign, unknown] = await calm.measure(() => measure(quick ? 1000 : 5000))
  const words = `${(foreign * 1000).toFixed(0)} against ${(unknown * 1000).toFixed(0)} us, medians`
  const apart = Math.abs(foreign - unknown)
  report.line('identity', 'session of somebody else, and an unknown one: apart', apart, 'ms', ['<=', 2], words)
  agent.destroy()
  await closeAll()
}

/** An issuer of tokens over HTTP with one key. */
async function startIssuer() {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'a', alg: 'RS256' }]
  const server = createServer(({ url }, response) => {
    const metadata = { issuer: issuer.url, jwks_uri: `${issuer.url}/keys` }
    response.end(JSON.stringify(url === '/keys' ? { keys } : metadata))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const issuer = {
    url: `http://127.0.0.1:${server.address().port}`,
    token(claims = {}) {
      const exp = Math.floor(Date.now() / 1000) + 36_000
      const own = { iss: issuer.url, sub: 'ann', org: 'acme', aud: `${publicUrl}/mcp`, exp, scope: 'mcp:tools' }
      const input = `${part({ alg: 'RS256', kid: 'a' })}.${part({ ...own, ...claims })}`
      return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`
    },
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
  return issuer
}
