// A stdio server of the session-based era whose answers are not quite what they should be.
//
//   --as=ODDITY     how all of its answers look (see `oddities`)
//   --only=METHOD   that one's answers alone; the others are proper
//   --speaks=V      refuses every revision but that one
//   --ends          ends upon a revision that it refuses
//   --slow=MS       reads nothing for so long
//   --ends-at-discover
//   --cursor=JSON   of every page of its list
//   --progress      that does not rise, five times a second during a call
//   --answers-notifications   with an error that names no request
//
// Promises: what is not named here is answered properly; ends with its stdin.
import { createInterface } from 'node:readline'

/** @param {string} name */
const flag = (name) => process.argv.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3)
const odd = flag('as')
const only = flag('only')
const speaks = flag('speaks')
const cursor = flag('cursor') === undefined ? {} : { nextCursor: JSON.parse(flag('cursor') ?? '') }
await new Promise((resolve) => setTimeout(resolve, Number(flag('slow') ?? 0)))

const big = 'b'.repeat(200_000)

/** @type {Record<string, (id: any, result: any) => unknown>} */
const oddities = {
  'quoted-id': (id, result) => ({ jsonrpc: '2.0', id: String(id), result }),
  'null-error': (id, result) => ({ jsonrpc: '2.0', id, result, error: null }),
  'all-members': (id, result) => ({ id, jsonrpc: null, method: null, params: null, result, error: null }),
  'no-id': () => ({ jsonrpc: '2.0', id: null, error: { code: -32700, message: 'It was not understood' } }),
  'text-result': (id) => ({ jsonrpc: '2.0', id, result: 'fine \u001b[31m\u202e' + 'x'.repeat(5000) }),
  'no-json': (id) => `{"jsonrpc":"2.0","id":${id},"result":{"value":NaN}}`,
  'big-id-first': (id, result) => ({ jsonrpc: '2.0', id, result: { ...result, big } }),
  'big-id-last': (id, result) => ({ result: { ...result, big }, jsonrpc: '2.0', id }),
  'big-id-quoted': (id, result) => ({ result: { ...result, big }, id: String(id), jsonrpc: '2.0' }),
  'big-id-hidden': (id, result) => ({ jsonrpc: '2.0', result: { ...result, big }, id, more: big }),
  'result-of-none': (_, result) => ({ jsonrpc: '2.0', result }),
  'result-as-text': (id, result) => ({ jsonrpc: '2.0', id, result: JSON.stringify(result) }),
  'result-no-json': (id, result) => `{"jsonrpc":"2.0","id":${id},"result":${JSON.stringify(result)},"value":NaN}`,
  'result-beside': (id, result) => ({ jsonrpc: '2.0', id, [result.content?.[0].text ?? 'beside']: 1 }),
  'error-of-text-code': (id, result) => ({
    jsonrpc: '2.0',
    id,
    error: { code: 'E1', message: JSON.stringify(result) },
  }),
}

/** @param {unknown} message */
const send = (message) => process.stdout.write((typeof message === 'string' ? message : JSON.stringify(message)) + '\n')

/** @type {Record<string, (params: any) => unknown>} */
const methods = {
  initialize: (params) => ({
    protocolVersion: params.protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'almost', version: '1' },
  }),
  ping: () => ({}),
  'tools/list': () => ({ tools: [{ name: 'say', inputSchema: { type: 'object' } }], ...cursor }),
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, method, params } = JSON.parse(line)
    if (id === undefined) {
      if (process.argv.includes('--answers-notifications')) send(oddities['no-id']?.(null, null))
      return
    }
    if (method === 'server/discover' && process.argv.includes('--ends-at-discover')) process.exit(1)
    const known = methods[method]
    if (!known && method !== 'tools/call') {
      return send({ jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } })
    }
    const asked = params?.protocolVersion
    if (method === 'initialize' && speaks !== undefined && asked !== speaks) {
      send({ jsonrpc: '2.0', id, error: { code: -32600, message: `Unsupported protocol version: ${asked}` } })
      if (process.argv.includes('--ends')) process.exit(1)
      return
    }
    const name = params?.arguments?.hold
    const say = () => {
      const result = known ? known(params) : { content: [{ type: 'text', text: params.arguments?.echo ?? 'said' }] }
      const make = only === undefined || only === method ? oddities[odd ?? ''] : undefined
      send(make && name === undefined ? make(id, result) : { jsonrpc: '2.0', id, result })
    }
    if (name === undefined) return say()
    const { progressToken } = params._meta ?? {}
    const told = { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken, progress: 1 } }
    const telling = process.argv.includes('--progress') && setInterval(() => send(told), 200)
    setTimeout(() => (telling && clearInterval(telling), say()), Number(name))
  })
  .on('close', () => process.exit(0))
