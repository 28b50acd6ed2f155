// Requests of the clients of a tenant over node:http, and what is made of their answers: whether they are of that tenant alone,
// and whether a refusal says by its reason what is refused.

import { request } from 'node:http'
import { legacyVersion, modernVersion } from './tools.mjs'

const meta = {
  'io.modelcontextprotocol/protocolVersion': modernVersion,
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
}
const posting = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }

/** A text that names whose it is. */
export const markOf = (tenant, count) => `of-${tenant}-${count}.`
const marks = /of-([a-z]+)-\d+\./g

/** The body of a request. */
const bodyOf = (method, params, id = 1) => JSON.stringify({ jsonrpc: '2.0', id, method, params })

/** Body and headers of a `tools/call` by a client of the stateless era. */
export function statelessCall(name, args) {
  return {
    body: bodyOf('tools/call', { name, arguments: args, _meta: meta }),
    headers: { 'MCP-Protocol-Version': modernVersion, 'Mcp-Method': 'tools/call', 'Mcp-Name': name },
  }
}

/** Body and headers of a `tools/call` in a session. */
export function sessionCall(session, name, args) {
  return { body: bodyOf('tools/call', { name, arguments: args }), headers: inSession(session) }
}

export const inSession = (session) => ({ 'MCP-Protocol-Version': legacyVersion, 'Mcp-Session-Id': session })

/**
 * One exchange. Resolves to `{ status, headers, text }`, or to `{ status: 0 }` if the connection was lost or given up.
 * @param asked `{ method?, headers?, body?, signal? }`
 */
export function exchange(url, agent, key, { method = 'POST', headers = {}, body, signal }) {
  return new Promise((resolve) => {
    const lost = () => resolve({ status: 0, headers: {}, text: '' })
    const all = { ...(method === 'POST' ? posting : {}), Authorization: `Bearer ${key}`, ...headers }
    const sent = request(url, { method, agent, headers: all, signal }, (response) => {
      const pieces = []
      response.on('data', (piece) => pieces.push(piece))
      response.on('error', lost)
      response.on('close', lost)
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(pieces).toString() }),
      )
    })
    sent.on('error', lost)
    sent.end(body)
  })
}

/** Opens a session. Resolves to `{ session, answer }`; `session` is undefined if it was refused. */
export async function openSession(url, agent, key) {
  const clientInfo = { name: 'bench', version: '1' }
  const params = { protocolVersion: legacyVersion, capabilities: {}, clientInfo }
  const answer = await exchange(url, agent, key, { body: bodyOf('initialize', params) })
  const session = answer.status === 200 ? answer.headers['mcp-session-id'] : undefined
  if (session !== undefined)
    await exchange(url, agent, key, {
      headers: inSession(session),
      body: '{"jsonrpc":"2.0","method":"notifications/initialized"}',
    })
  return { session, answer }
}

/** What the answers to the clients of a tenant were. */
export class Tally {
  answers = 0
  lost = 0
  /** How many refusals there were of each reason. */
  reasons = {}
  /** Refusals without a reason, and what was of somebody else: the first of them. */
  untyped = []
  foreign = []
  #tenant

  constructor(tenant) {
    this.#tenant = tenant
  }

  take({ status, text }) {
    if (status === 0) {
      this.lost += 1
      return
    }
    this.answers += 1
    for (const [mark, tenant] of text.matchAll(marks)) if (tenant !== this.#tenant) note(this.foreign, mark)
    const reason = reasonOf(text)
    if (reason !== undefined) this.reasons[reason] = (this.reasons[reason] ?? 0) + 1
    else if (status >= 400 || /"error":\{/.test(text)) note(this.untyped, `${status} ${text.slice(0, 200)}`)
  }
}

function note(list, text) {
  if (list.length < 5) list.push(text)
}

/** The reason of a refusal: in the data of a JSON-RPC error, or before the text that answers an unread body. */
function reasonOf(text) {
  return /"data":\{"reason":"(\w+)"/.exec(text)?.[1] ?? /^([a-z_]+): /.exec(text)?.[1]
}
