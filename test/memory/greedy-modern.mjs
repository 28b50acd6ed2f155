// A stdio server of the stateless era that takes memory in every way that only such a server can; each tool is one.
//
// Promises: what is not named here is answered properly; ends with its stdin, or when nobody reads its stdout any more.
import { createInterface } from 'node:readline'

const prefix = 'io.modelcontextprotocol/'
const version = '2026-07-28'

/** @param {object} message */
const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\n')
/** @param {string | number} id @param {object} result */
const answer = (id, result) => send({ id, result: { resultType: 'complete', ...result } })
/** @param {string | number} id @param {string} text */
const tell = (id, text) => answer(id, { content: [{ type: 'text', text }] })

/** What each stream that listens was granted. @type {Map<string | number, object>} */
const listeners = new Map()

/** @type {Record<string, (id: any, args: any) => void>} */
const tools = {
  echo: (id, args) => tell(id, args.text),
  hang() {},
  // Tells every stream of so many updates, each with so much beside what it has to say.
  update(id, { count, bytes }) {
    const junk = 'x'.repeat(bytes)
    for (let at = 0; at < count; at++) {
      for (const [listener, filter] of listeners) {
        const uri = filter.resourceSubscriptions[at % filter.resourceSubscriptions.length]
        const _meta = { [`${prefix}subscriptionId`]: listener }
        send({ method: 'notifications/resources/updated', params: { uri, junk, _meta } })
      }
    }
    tell(id, `told ${listeners.size}`)
  },
  // Ends the call with so many questions of so many bytes each, and a state of its own.
  rounds(id, { count, bytes }) {
    const question = { mode: 'form', message: 'x'.repeat(bytes), requestedSchema: { type: 'object', properties: {} } }
    const ask = { method: 'elicitation/create', params: question }
    const inputRequests = Object.fromEntries(Array.from({ length: count }, (_, at) => [`q${at}`, ask]))
    send({ id, result: { resultType: 'input_required', inputRequests, requestState: 'state' } })
  },
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  if (method === 'notifications/cancelled') listeners.delete(params.requestId)
  if (id === undefined) return
  if (method === 'server/discover') {
    const capabilities = { tools: {}, resources: { subscribe: true } }
    answer(id, { supportedVersions: [version], capabilities, ttlMs: 60_000, cacheScope: 'public' })
  } else if (method === 'tools/list') {
    const list = Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object' } }))
    answer(id, { tools: list, ttlMs: 60_000, cacheScope: 'public' })
  } else if (method === 'tools/call') tools[params.name]?.(id, params.arguments)
  else if (method === 'subscriptions/listen') {
    listeners.set(id, params.notifications)
    const _meta = { [`${prefix}subscriptionId`]: id }
    send({ method: 'notifications/subscriptions/acknowledged', params: { notifications: params.notifications, _meta } })
  } else send({ id, error: { code: -32601, message: 'not here' } })
})
process.stdin.on('end', () => process.exit(0))
process.stdout.on('error', () => process.exit(0))
