// The yardstick: what `node:http` costs when nothing but the unavoidable is done. It parses the body,
// looks the session up in a Map and stringifies a hand-written answer; it checks nothing and isolates no client.
// Every ratio of the bench is to this server, measured in the same run.
// With --http2 the same on `node:http2`, for what is measured over HTTP/2. With --objects each session has a server object
// of `module.mjs`, and clients without a session share one: calls go to it through the barest transport there is.
//   node bench/bare.mjs [--port 0] [--http2] [--objects] [--tools 20]   prints one JSON line when it listens.

import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import {
  capabilities,
  echoed,
  legacyVersion,
  modernCacheable,
  modernResult,
  serverInfo,
  toolsAsked,
} from './lib/tools.mjs'

const portAt = process.argv.indexOf('--port')
const port = portAt === -1 ? 0 : Number(process.argv[portAt + 1])

const { connectObject } = process.argv.includes('--objects') ? await import('./server-object.mjs') : {}
const sharedObject = await connectObject?.()
const sessions = new Map()
const tools = toolsAsked()

function respond(response, status, body, headers) {
  const text = body === undefined ? '' : JSON.stringify(body)
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    ...headers,
  })
  response.end(text)
}

function resultOf(message, modern) {
  if (message.method === 'tools/call') {
    const result = echoed(message.params.arguments.text)
    return modern ? modernResult(result) : result
  }
  if (message.method === 'tools/list') return modern ? modernCacheable({ tools }) : { tools }
  return {}
}

async function post(request, response, body) {
  const message = JSON.parse(body)
  if (message.method === 'initialize') {
    const session = randomUUID()
    sessions.set(session, { openedAt: Date.now(), stream: undefined, object: await connectObject?.() })
    const result = { protocolVersion: legacyVersion, capabilities, serverInfo }
    return respond(response, 200, { jsonrpc: '2.0', id: message.id, result }, { 'Mcp-Session-Id': session })
  }
  const modern = message.params?._meta !== undefined
  const session = sessions.get(request.headers['mcp-session-id'])
  if (!modern && session === undefined) return respond(response, 404)
  if (message.id === undefined) return respond(response, 202)
  if (connectObject !== undefined && message.method === 'tools/call') {
    const { name, arguments: given } = message.params
    const result = await (modern ? sharedObject : session.object)({ name, arguments: given })
    return respond(response, 200, { jsonrpc: '2.0', id: message.id, result: modern ? modernResult(result) : result })
  }
  respond(response, 200, { jsonrpc: '2.0', id: message.id, result: resultOf(message, modern) })
}

function serve(request, response) {
  if (request.method === 'POST') {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk) => (body += chunk))
    request.on('end', () => post(request, response, body))
    return
  }
  const session = sessions.get(request.headers['mcp-session-id'])
  if (session === undefined) return respond(response, 404)
  if (request.method === 'DELETE') {
    sessions.delete(request.headers['mcp-session-id'])
    return respond(response, 200)
  }
  session.stream = response
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache, no-transform' })
  response.flushHeaders()
}

const isHttp2 = process.argv.includes('--http2')
const settings = { maxConcurrentStreams: 10_000 }
const server = isHttp2 ? createHttp2Server({ settings, maxSessionMemory: 64 }, serve) : createServer(serve)

server.listen(port, '127.0.0.1', () => {
  const endpoint = `http://127.0.0.1:${server.address().port}/mcp`
  process.stdout.write(JSON.stringify({ event: 'ready', pid: process.pid, endpoint }) + '\n')
})
process.on('SIGTERM', () => process.exit(0))
