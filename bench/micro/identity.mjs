// What it costs to find out whose a request is, and to hold it until its answer: without credentials, with an API key, with a
// token that was checked a moment ago, and with one that is new. `npm run build && node bench/micro/identity.mjs`. Medians of
// nine turns, taken alternately. docs/decisions quotes it.

import { generateKeyPairSync, sign } from 'node:crypto'
import { createServer } from 'node:http'
import { Cancel } from '../../dist/base/cancel.js'
import { systemClock as clock } from '../../dist/base/clock.js'
import { createEvents } from '../../dist/base/events.js'
import { silentLog as log } from '../../dist/base/log.js'
import { HeldRequests } from '../../dist/gateway/held-requests.js'
import { newApiKey } from '../../dist/identity/api-key.js'
import { createIdentity } from '../../dist/identity/identity.js'
import { writeKeyLine } from '../../dist/identity/key-record.js'

const perTurn = { cached: 20_000, fresh: 500 }
const turns = 9

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'a', alg: 'RS256' }] })
const server = createServer((_request, response) => response.end(jwks))
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const issuer = `http://127.0.0.1:${server.address().port}`
const publicUrl = 'https://mcp.example.com'

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
function token(jti) {
  const exp = Math.floor(Date.now() / 1000) + 3600
  const claims = { iss: issuer, sub: 'ann', aud: `${publicUrl}/mcp`, exp, scope: 'mcp:tools', jti }
  const input = `${part({ alg: 'RS256', kid: 'a' })}.${part(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`
}

const none = { methods: ['none'], keysFile: undefined, keys: [], issuers: [], publicUrl: undefined, scopes: [] }
const { id, hash, text } = newApiKey()
const keys = [writeKeyLine({ id, hash, tenant: 'acme', subject: 'ann' })]
const identityOf = (settings) =>
  createIdentity({ settings: { ...none, ...settings }, clock, log, events: createEvents(), changed() {} })
const oauth = identityOf({ methods: ['oauth'], issuers: [`${issuer} jwks=${issuer}/keys`], publicUrl })
const held = new HeldRequests()

async function ask(identity, credentials) {
  const headers = credentials === undefined ? {} : { authorization: `Bearer ${credentials}` }
  const inbound = { method: 'POST', path: '/mcp', query: '', headers, connection: 'c', closed: new Cancel() }
  const found = identity.authenticate(inbound)
  const principal = found instanceof Promise ? await found : found
  if (principal.issuer !== undefined) held.hold(inbound, principal).follow({ status: 200, headers: {}, body: '' })
}

const known = token(0)
let serial = 0
const cases = [
  ['without credentials', 'cached', identityOf({}), () => undefined],
  ['an API key', 'cached', identityOf({ methods: ['keys'], keys }), () => text],
  ['a token that was checked', 'cached', oauth, () => known],
  ['a new token (RS256)', 'fresh', oauth, (made) => made],
]

/** Microseconds of CPU for one request. */
async function costOf([, kind, identity, credentials]) {
  const count = perTurn[kind]
  const made = Array.from({ length: kind === 'fresh' ? count : 0 }, () => token(++serial))
  const before = process.cpuUsage()
  for (let i = 0; i < count; i++) await ask(identity, credentials(made[i]))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]
const costs = cases.map(() => [])
for (const one of cases) await costOf(one)
for (let turn = 0; turn < turns; turn++) for (const [at, one] of cases.entries()) costs[at].push(await costOf(one))
console.log(`Node ${process.version}, median of ${turns} turns`)
for (const [at, [name]] of cases.entries())
  console.log(`${name.padEnd(26)} ${median(costs[at]).toFixed(2).padStart(8)} us of CPU`)
oauth.close()
server.closeAllConnections()
server.close()
