// A stateless server that sends input requests whatever the client declares: every call ends with one.

import { openWire } from '../fixtures/echo/lines.mjs'

const question = {
  method: 'elicitation/create',
  params: { mode: 'form', message: 'Who?', requestedSchema: { type: 'object', properties: {} } },
}
const results = {
  'server/discover': { supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, ttlMs: 0, cacheScope: 'public' },
  'tools/list': { tools: [{ name: 'ask', inputSchema: { type: 'object' } }], ttlMs: 0, cacheScope: 'public' },
  'tools/call': { resultType: 'input_required', inputRequests: { who: question }, requestState: 'asked' },
}

const wire = openWire({
  onMessage({ id, method }) {
    if (id === undefined) return
    const result = Object.hasOwn(results, method) ? { resultType: 'complete', ...results[method] } : undefined
    const answer = result
      ? { result }
      : { error: { code: -32022, message: 'Unsupported', data: { supported: ['2026-07-28'] } } }
    wire.send(JSON.stringify({ jsonrpc: '2.0', id, ...answer }))
  },
  onEnd: () => process.exit(0),
})
