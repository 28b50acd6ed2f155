// What a server in this process costs: a call through the pool beside the same call on the server object alone, and the
// memory of an idle session's object. `npm run build && node --expose-gc bench/micro/module.mjs [objects]`.
// docs/decisions/0045-servers-in-this-process.md quotes it.

import { performance } from 'node:perf_hooks'
import { McpServer, Server } from '@modelcontextprotocol/server'
import * as z from 'zod'
import { systemClock } from '../../dist/base/clock.js'
import { createEvents } from '../../dist/base/events.js'
import { silentLog } from '../../dist/base/log.js'
import { createMemoryBudget } from '../../dist/base/memory-budget.js'
import { Cancel } from '../../dist/base/cancel.js'
import { fillSettings } from '../../dist/config/assemble.js'
import { thisMachine } from '../../dist/config/load.js'
import { rawObject } from '../../dist/protocol/json-text.js'
import { createModuleUpstream } from '../../dist/upstreams/module/module-upstream.js'

const objects = Number(process.argv[2] ?? 500)
const calls = 20_000
const info = { name: 'micro', version: '1' }

function lowLevel() {
  const server = new Server(info, { capabilities: { tools: {} } })
  server.setRequestHandler('tools/list', () => ({ tools: [{ name: 'echo', inputSchema: { type: 'object' } }] }))
  server.setRequestHandler('tools/call', ({ params }) => ({ content: [{ type: 'text', text: params.arguments.text }] }))
  return server
}

function highLevel() {
  const server = new McpServer(info)
  for (let at = 0; at < 20; at++)
    server.registerTool(`tool_${at}`, { inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({
      content: [{ type: 'text', text }],
    }))
  return server
}

async function start(factory) {
  const { upstreams } = fillSettings({ upstreams: { mine: { module: factory } } }, thisMachine())
  const upstream = createModuleUpstream({
    settings: upstreams.mine,
    hasOneClient: false,
    queue: 1000,
    queueWaitMs: 30_000,
    clock: systemClock,
    log: silentLog,
    events: createEvents(),
    memory: createMemoryBudget(1024 ** 3),
    endSuspendedCalls() {},
    sessions: { read: async () => ({ values: {}, version: 0 }), replace: async () => true, history: () => [] },
  })
  await upstream.start(() => {})
  return upstream
}

const client = { era: 'legacy', version: '2025-11-25', capabilities: {}, info }
const callOf = (session, name) => ({
  principal: { tenant: '', subject: '' },
  client,
  session,
  id: '1',
  method: 'tools/call',
  params: rawObject({ name, arguments: { text: 'hello' } }),
  fairnessKey: session,
  clientKey: session,
  progressToken: undefined,
  logLevel: undefined,
  worker: undefined,
  cancel: new Cancel(),
})
async function outcome(reply) {
  for (;;) {
    const step = await reply.next()
    if (step.done) return step.value
  }
}

/** Microseconds of a call on the server object alone, through the barest transport there is. */
async function alone(factory, name) {
  const server = factory()
  let answered
  const transport = { start: async () => {}, close: async () => {}, send: async (message) => answered(message) }
  await server.connect(transport)
  const ask = (message) =>
    new Promise((resolve) => {
      answered = resolve
      transport.onmessage({ jsonrpc: '2.0', ...message })
    })
  await ask({
    id: 0,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: info },
  })
  transport.onmessage({ jsonrpc: '2.0', method: 'notifications/initialized' })
  return timed((at) => ask({ id: at + 1, method: 'tools/call', params: { name, arguments: { text: 'hello' } } }))
}

async function timed(run) {
  for (let at = 0; at < 2000; at++) await run(at)
  const startMs = performance.now()
  for (let at = 0; at < calls; at++) await run(at)
  return ((performance.now() - startMs) * 1000) / calls
}

const heap = () => {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

for (const { kind, factory, name } of [
  { kind: 'low-level server', factory: lowLevel, name: 'echo' },
  { kind: 'McpServer, 20 tools', factory: highLevel, name: 'tool_3' },
]) {
  const bare = await alone(factory, name)
  const upstream = await start(factory)
  const pooled = await timed(() => outcome(upstream.call(callOf('timed', name))))
  const before = heap()
  for (let at = 0; at < objects; at++) await outcome(upstream.call(callOf(`session ${at}`, name)))
  const each = (heap() - before) / objects
  await upstream.close()
  console.log(`${kind}: alone ${bare.toFixed(1)} µs, through the pool ${pooled.toFixed(1)} µs a call`)
  console.log(`${kind}: an idle session takes ${(each / 1024).toFixed(1)} KiB of heap`)
}
