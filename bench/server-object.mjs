// The server object of `module.mjs` behind the barest transport there is: no HTTP, no gateway. `bare.mjs` serves it.

import { createServer } from './module.mjs'
import { legacyVersion } from './lib/tools.mjs'

/** Makes a server object and shakes hands with it. Returns what calls a tool: takes the params, resolves to the result. */
export async function connectObject() {
  const server = createServer()
  const waiting = new Map()
  let last = 0
  const transport = {
    start: async () => {},
    close: async () => {},
    async send({ id, result }) {
      waiting.get(id)?.(result)
      waiting.delete(id)
    },
  }
  await server.connect(transport)
  const ask = (method, params) =>
    new Promise((resolve) => {
      waiting.set(++last, resolve)
      transport.onmessage({ jsonrpc: '2.0', id: last, method, params })
    })
  const clientInfo = { name: 'bench', version: '1' }
  await ask('initialize', { protocolVersion: legacyVersion, capabilities: {}, clientInfo })
  transport.onmessage({ jsonrpc: '2.0', method: 'notifications/initialized' })
  return (params) => ask('tools/call', params)
}
