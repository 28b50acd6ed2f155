// Stands between a client and an endpoint, passes everything on as it is, and notes what the client sends.

import { once } from 'node:events'
import { createServer, request as ask } from 'node:http'

/** @import { IncomingMessage, ServerResponse } from 'node:http' */

/**
 * One request of the client.
 * @typedef {object} Sent
 * @property {string} method
 * @property {string} path
 * @property {any} message         what its body says; undefined without one
 * @property {Record<string, string | undefined>} headers  those that tell clients apart
 * @property {number} [status]     of the answer, once there is one
 */

const told = ['accept', 'user-agent', 'mcp-protocol-version', 'mcp-method', 'mcp-session-id']

/**
 * @param {string} target  the endpoint
 */
export async function startRecorder(target) {
  /** @type {Sent[]} */
  const requests = []
  /** @type {Set<string>} */
  const sessions = new Set()
  const { origin, pathname } = new URL(target)

  const server = createServer((request, response) => void pass(request, response).catch(() => response.destroy()))

  /** @type {(request: IncomingMessage, response: ServerResponse) => Promise<void>} */
  async function pass(request, response) {
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) body += chunk
    const headers = Object.fromEntries(told.map((name) => [name, request.headers[name]?.toString()]))
    const [method = '', path = ''] = [request.method, request.url]
    /** @type {Sent} */
    const sent = { method, path, message: body === '' ? undefined : JSON.parse(body), headers }
    requests.push(sent)
    const onward = ask(new URL(path, origin), { method, headers: { ...request.headers, host: new URL(origin).host } })
    response.on('close', () => onward.destroy())
    onward.on('error', () => response.destroy())
    onward.on('response', (answer) => {
      sent.status = answer.statusCode ?? 0
      const session = answer.headers['mcp-session-id']
      if (typeof session === 'string') sessions.add(session)
      response.writeHead(sent.status, answer.headers)
      response.flushHeaders()
      answer.pipe(response)
    })
    onward.end(body)
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : ''

  return {
    url: `http://localhost:${port}${pathname}`,
    requests,
    /** Ends every session that the client has begun, behind its back. @returns {Promise<number>} how many there were */
    async endSessions() {
      for (const session of sessions) {
        const headers = { 'Mcp-Session-Id': session, 'MCP-Protocol-Version': '2025-06-18' }
        await fetch(target, { method: 'DELETE', headers })
      }
      const count = sessions.size
      sessions.clear()
      return count
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
