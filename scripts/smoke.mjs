/**
 * `node scripts/smoke.mjs [node]`: does the built command serve on this binary of Node? Starts it in front of an echo
 * server, makes one handshake and one call over HTTP, and ends it by SIGTERM. Exit code 0 if all went well.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const root = join(import.meta.dirname, '..')
const node = process.argv[2] ?? process.execPath
const deadline = AbortSignal.timeout(30_000)

const upstream = [node, join(root, 'test', 'fixtures', 'echo-legacy.mjs')]
const args = [
  join(root, 'dist', 'cli', 'main.js'),
  'serve',
  '--port',
  '0',
  '--json',
  '--log-level',
  'warn',
  '--',
  ...upstream,
]
const child = spawn(node, args, { stdio: ['ignore', 'pipe', 'inherit'] })
const ended = once(child, 'exit')
try {
  const ready = await firstLine(child)
  if (ready.event !== 'ready') throw new Error(`expected a ready line, got ${JSON.stringify(ready)}`)

  const version = '2025-11-25'
  const params = { protocolVersion: version, capabilities: {}, clientInfo: { name: 'smoke', version: '0' } }
  const opened = await post(ready.endpoint, {}, { id: 1, method: 'initialize', params })
  const session = { 'mcp-session-id': opened.session, 'mcp-protocol-version': version }
  await post(ready.endpoint, session, { method: 'notifications/initialized' })
  const call = { name: 'echo', arguments: { text: 'smoke' } }
  const echo = await post(ready.endpoint, session, { id: 2, method: 'tools/call', params: call })
  if (!JSON.stringify(echo.message?.result ?? null).includes('smoke'))
    throw new Error(`expected an echo, got ${JSON.stringify(echo.message)}`)

  child.kill('SIGTERM')
  const [code, signal] = await Promise.race([ended, once(deadline, 'abort').then(() => ['none', 'deadline'])])
  if (code !== 0) throw new Error(`expected exit code 0 after SIGTERM, got ${code} (${signal})`)
  console.log(`smoke: ${node}: ok`)
} catch (error) {
  console.error(`smoke: ${node}: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
}

async function firstLine({ stdout }) {
  const lines = createInterface({ input: stdout })
  const [line] = await Promise.race([
    once(lines, 'line', { signal: deadline }),
    ended.then(([code]) => {
      throw new Error(`ended with ${code} before it was ready`)
    }),
  ])
  return JSON.parse(line)
}

/** Posts one message; what comes back may be JSON or an event stream that ends with the answer. */
async function post(endpoint, headers, message) {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    signal: deadline,
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${message.method}: HTTP ${response.status} ${text}`)
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
  const data = isStream ? text.match(/^data: ?(\{.*)$/gm)?.map((line) => line.replace(/^data: ?/, '')) : [text]
  const answer = data
    ?.filter(Boolean)
    .map((json) => JSON.parse(json))
    .find(({ id }) => id === message.id)
  return { message: answer, session: response.headers.get('mcp-session-id') ?? '' }
}
