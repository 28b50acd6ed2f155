// A policy of your own: nobody deletes anything, and each search is for the name of the tenant as well. Started with
//   node examples/policy-webhook.mjs
// and POLICY_SECRET in the environment, here and where mcplex runs, whose file has
//   policy: { url: 'http://127.0.0.1:9090/', secret: '${POLICY_SECRET}' }

import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'

const secret = process.env.POLICY_SECRET
if (!secret) throw new Error('POLICY_SECRET is not set: it is the policy.secret of mcplex')
/** As `policy.maxSize`. */
const maxChars = 1024 * 1024
const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : secret

/** What is decided on a call. `call` has method, name, arguments, upstream, tenant, subject and more: docs/policy.md. */
function decide(call) {
  if (/delete|remove|drop/.test(call.name)) return { decision: 'refuse', reason: `${call.name} is not for agents.` }
  if (call.name !== 'search_nodes') return { decision: 'pass' }
  return { decision: 'pass', arguments: { query: `${call.tenant} ${call.arguments.query}` } }
}

/** Whether the request is from mcplex, and not an old one that is sent again. */
function isGenuine({ headers }, body) {
  const { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': given = '' } = headers
  const wanted = `v1,${createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')}`
  const isRecent = Math.abs(Date.now() / 1000 - Number(seconds)) < 300
  const [one, other] = [Buffer.from(given), Buffer.from(wanted)]
  return isRecent && one.length === other.length && timingSafeEqual(one, other)
}

const server = createServer((request, response) => {
  // A client that has gone takes its call with it, and its question.
  answer(request, response).catch(() => response.destroy())
})

async function answer(request, response) {
  let body = ''
  for await (const chunk of request.setEncoding('utf8')) {
    body += chunk
    if (body.length > maxChars) return response.writeHead(413).end()
  }
  if (!isGenuine(request, body)) return response.writeHead(401).end()
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify(decide(JSON.parse(body).data)))
}

server.listen(Number(process.env.PORT ?? 9090), '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${server.address().port}/`),
)
