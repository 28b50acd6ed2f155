// The second yardstick: the least that a gateway in front of a stdio server can do in node. It is `bare.mjs` whose
// `tools/call` goes to one child with an id of its own and comes back with the client's; it checks nothing, isolates no client,
// and knows neither cancellation nor time limits. The distance from here to mcplex is what mcplex's promises cost.
//   node bench/bare-proxy.mjs -- <command> [args]   prints one JSON line when it listens.

import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'

const [file, ...args] = process.argv.slice(process.argv.indexOf('--') + 1)
const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] })

const waiting = new Map()
let nextId = 1
let unsent = ''

function flush() {
  child.stdin.write(unsent)
  unsent = ''
}

function ask(message, take) {
  const id = nextId++
  waiting.set(id, take)
  // All requests of one tick of the event loop go to the child in one write.
  if (unsent === '') setImmediate(flush)
  unsent += JSON.stringify({ ...message, id }) + '\n'
}

let rest = ''
child.stdout.setEncoding('utf8')
child.stdout.on('data', (chunk) => {
  const lines = (rest + chunk).split('\n')
  rest = lines.pop()
  for (const line of lines) {
    const answer = JSON.parse(line)
    const take = waiting.get(answer.id)
    waiting.delete(answer.id)
    take(answer)
  }
})

const sessions = new Map()

function respond(response, status, body, headers) {
  const text = body === undefined ? '' : JSON.stringify(body)
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    ...headers,
  })
  response.end(text)
}

function post(request, response, body) {
  const message = JSON.parse(body)
  const forward = (headers) => ask(message, (answer) => respond(response, 200, { ...answer, id: message.id }, headers))
  if (message.method === 'initialize') {
    const session = randomUUID()
    sessions.set(session, { openedAt: Date.now() })
    return forward({ 'Mcp-Session-Id': session })
  }
  const modern = message.params?._meta !== undefined
  if (!modern && !sessions.has(request.headers['mcp-session-id'])) return respond(response, 404)
  if (message.id === undefined) return respond(response, 202)
  forward()
}

const server = createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8')
  request.on('data', (chunk) => (body += chunk))
  request.on('end', () => post(request, response, body))
})

server.listen(0, '127.0.0.1', () => {
  const endpoint = `http://127.0.0.1:${server.address().port}/mcp`
  process.stdout.write(JSON.stringify({ event: 'ready', pid: process.pid, endpoint }) + '\n')
})
process.on('SIGTERM', () => process.exit(0))
