// A server of one era over stdio that answers each method as it was told: `node scripted-answers.mjs ERA JSON`.
//
// The JSON has, by method, the result or `{error}`; for `tools/call` by name of the tool. What it is not told of is an
// unknown method, and the tool `params` returns the params that it was called with, as text.
import { createInterface } from 'node:readline'

const [era, told = '{}'] = process.argv.slice(2)
const answers = JSON.parse(told)
const hello = {
  legacy: { initialize: { protocolVersion: '2025-11-25', serverInfo: { name: 'told', version: '1' } } },
  modern: {
    'server/discover': {
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      ttlMs: 0,
      cacheScope: 'private',
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'told', version: '1' } },
    },
  },
}[era]

/** @param {{method: string, params?: any}} request */
function answerTo({ method, params }) {
  if (Object.hasOwn(hello, method)) return { result: { ...hello[method], capabilities: answers.capabilities ?? {} } }
  if (method === 'ping') return { result: {} }
  const isParams = method === 'tools/call' && params.name === 'params'
  if (isParams) return { result: { resultType: 'complete', content: [{ type: 'text', text: JSON.stringify(params) }] } }
  const answer = method === 'tools/call' ? answers[method]?.[params.name] : answers[method]
  if (answer === undefined) return { error: { code: -32601, message: 'Method not found' } }
  return answer.error === undefined ? { result: answer } : answer
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line)
  if (message.id === undefined || message.method === undefined) return
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id: message.id, ...answerTo(message) })}\n`)
})
