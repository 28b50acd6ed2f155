// What a client of each era writes on the wire, and what it makes of an answer. Requests are plain text, made once
// per client as far as they can be; answers are checked against the nonce that only this request carried.

import { headerOf } from './http-connection.mjs'
import { legacyVersion, modernVersion } from './tools.mjs'

const clientInfo = { name: 'bench', version: '1.0.0' }

const meta = JSON.stringify({
  'io.modelcontextprotocol/protocolVersion': modernVersion,
  'io.modelcontextprotocol/clientInfo': clientInfo,
  'io.modelcontextprotocol/clientCapabilities': {},
})

function head(target, verb, headers) {
  const lines = [
    `${verb} ${target.path} HTTP/1.1`,
    `Host: ${target.host}:${target.port}`,
    ...(target.credentials === undefined ? [] : [`Authorization: Bearer ${target.credentials}`]),
    ...headers,
  ]
  return lines.join('\r\n') + '\r\n'
}

const posting = ['Content-Type: application/json', 'Accept: application/json, text/event-stream']
const withBody = (start, body) => `${start}Content-Length: ${body.length}\r\n\r\n${body}`

const legacySession = (session) => [`MCP-Protocol-Version: ${legacyVersion}`, `Mcp-Session-Id: ${session}`]

/** Where an endpoint is, and what its clients show: `{ host, port, path, credentials? }`. */
export function targetOf(endpoint, credentials) {
  const url = new URL(endpoint)
  return { host: url.hostname, port: Number(url.port), path: url.pathname, credentials }
}

export function initialize(target) {
  const params = { protocolVersion: legacyVersion, capabilities: {}, clientInfo }
  return withBody(
    head(target, 'POST', posting),
    JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
  )
}

/** The session id of an answer to `initialize`; throws when it is not a good answer. */
export function sessionOf({ status, head: answerHead, body }) {
  const session = headerOf(answerHead, 'mcp-session-id')
  if (status !== 200 || session === undefined || messageOf(answerHead, body)?.result === undefined)
    throw new Error(`initialize was answered ${status} ${body.slice(0, 200)}`)
  return session
}

export function initialized(target, session) {
  return withBody(
    head(target, 'POST', [...posting, ...legacySession(session)]),
    '{"jsonrpc":"2.0","method":"notifications/initialized"}',
  )
}

export function listening(target, session) {
  return head(target, 'GET', ['Accept: text/event-stream', ...legacySession(session)]) + '\r\n'
}

export function ending(target, session) {
  return head(target, 'DELETE', legacySession(session)) + '\r\n'
}

/** A writer of requests: (id, nonce) to the text of a `tools/call` of echo, by its name there, or of a `tools/list`. */
export function writer(target, era, session, what, tool = 'echo') {
  const method = what === 'call' ? 'tools/call' : 'tools/list'
  const modern = era === 'modern'
  const headers = modern
    ? [
        `MCP-Protocol-Version: ${modernVersion}`,
        `Mcp-Method: ${method}`,
        ...(what === 'call' ? [`Mcp-Name: ${tool}`] : []),
      ]
    : legacySession(session)
  const start = head(target, 'POST', [...posting, ...headers])
  const tail = modern ? `,"_meta":${meta}}}` : '}}'
  if (what === 'call')
    return (id, nonce) =>
      withBody(
        start,
        `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${tool}","arguments":{"text":"${nonce}"}${tail}`,
      )
  const params = modern ? `{"_meta":${meta}}` : '{}'
  return (id) => withBody(start, `{"jsonrpc":"2.0","id":${id},"method":"tools/list","params":${params}}`)
}

/** The response inside an answer, be it one JSON body or an event stream; undefined when there is none. */
function messageOf(answerHead, body) {
  try {
    if (!/\r\ncontent-type: *text\/event-stream/i.test(answerHead)) return JSON.parse(body)
    for (const line of body.split('\n')) {
      if (!line.startsWith('data:') || line.length < 7) continue
      const message = JSON.parse(line.slice(5))
      if (message.id !== undefined && message.method === undefined) return message
    }
  } catch {
    return undefined
  }
  return undefined
}

const nonceForm = /^[0-9a-f]{8}\.\d+\.\d+$/

/** Whether the answer to a call is this request's own: 'ok', 'foreign' (another request's) or 'wrong'. */
export function checkCall(status, answerHead, body, id, nonce) {
  const message = messageOf(answerHead, body)
  const text = message?.result?.content?.[0]?.text
  if (status === 200 && text === nonce && message.id === id) return 'ok'
  return typeof text === 'string' && nonceForm.test(text) && text !== nonce ? 'foreign' : 'wrong'
}

/**
 * A checker of list answers. The first is read whole; later ones must equal it but for the id, which is
 * as strict as parsing and leaves the generator fast enough for a server that lists from kept bytes.
 */
export function listChecker(expected) {
  let before, after
  return (status, answerHead, body, id) => {
    if (status !== 200) return 'wrong'
    const mark = String(id)
    if (before !== undefined && body.length === before.length + mark.length + after.length)
      if (body.startsWith(before) && body.endsWith(after) && body.startsWith(mark, before.length)) return 'ok'
    const message = messageOf(answerHead, body)
    const names = message?.result?.tools
      ?.map((tool) => tool.name)
      .sort()
      .join()
    if (names !== expected) return 'wrong'
    if (message.id !== id) return 'foreign'
    const at = body.indexOf(`"id":${mark}`)
    before = at === -1 ? undefined : body.slice(0, at + 5)
    after = at === -1 ? undefined : body.slice(at + 5 + mark.length)
    return 'ok'
  }
}
