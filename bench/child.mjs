// The smallest stdio MCP server that still answers: what stands behind every gateway in the bench.
// `--era legacy` speaks the handshake, `--era modern` speaks 2026-07-28; each refuses the other's first message.
// It leaves out all checking: its cost must not hide the gateway's.

import { capabilities, echoed, legacyVersion, modernCacheable, modernResult, modernVersion } from './lib/tools.mjs'
import { serverInfo, toolsAsked } from './lib/tools.mjs'

const modern = process.argv.includes('modern')
const tools = toolsAsked()

const answers = modern
  ? {
      'server/discover': () => modernCacheable({ supportedVersions: [modernVersion], capabilities }),
      'tools/list': () => modernCacheable({ tools }),
      'tools/call': (params) => modernResult(echoed(params.arguments.text)),
    }
  : {
      initialize: () => ({ protocolVersion: legacyVersion, capabilities, serverInfo }),
      ping: () => ({}),
      'tools/list': () => ({ tools }),
      'tools/call': (params) => echoed(params.arguments.text),
    }

function answer(line) {
  const message = JSON.parse(line)
  if (message.id === undefined || message.method === undefined) return ''
  const make = answers[message.method]
  const reply = { jsonrpc: '2.0', id: message.id }
  if (make === undefined) reply.error = { code: -32601, message: 'Method not found' }
  else reply.result = make(message.params)
  return JSON.stringify(reply) + '\n'
}

let rest = ''
process.stdin.setEncoding('utf8')
process.stdin.on('data', (chunk) => {
  const lines = (rest + chunk).split('\n')
  rest = lines.pop()
  let out = ''
  for (const line of lines) if (line !== '') out += answer(line)
  if (out !== '') process.stdout.write(out)
})
process.stdin.on('end', () => process.exit(0))
