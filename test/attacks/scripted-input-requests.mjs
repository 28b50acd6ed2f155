// A session-based server over stdio that does what its client tells it to: each argument `steps` is a list of
//
//   { ask: id }          asks for a form under that id, and goes on
//   { until: id }        waits for the answer to that question
//   { take: id }         takes the question back
//   { progress: n }      tells how far it is, if the client wants to know
//   { log: text }        logs at level info
//   { log: text, until: id, every: ms }  logs again and again until that question is answered
//   { ms: n }            waits
//   { block: ms }        does nothing else for so long, not even read
//   { exit: code }       ends
//
// The result is JSON of the process and all answers. `completion/complete` asks first. With --slow-level=MS it takes so
// long to change its log level.
import { createInterface } from 'node:readline'

const slowLevel = Number(process.argv.find((word) => word.startsWith('--slow-level='))?.split('=')[1] ?? 0)
/** @type {Map<string, (answer: unknown) => void>} */
const open = new Map()
const say = (/** @type {object} */ message) =>
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms))

const log = (/** @type {string} */ data) => say({ method: 'notifications/message', params: { level: 'info', data } })

/** @type {(id: string) => Promise<unknown>} */
const ask = (id) => {
  const answered = new Promise((resolve) => open.set(id, resolve))
  say({
    id,
    method: 'elicitation/create',
    params: { message: id, requestedSchema: { type: 'object', properties: {} } },
  })
  return answered
}

async function run(/** @type {any[]} */ steps, /** @type {unknown} */ progressToken) {
  /** @type {Record<string, unknown>} */
  const answers = {}
  /** @type {Map<string, Promise<unknown>>} */
  const asked = new Map()
  for (const step of steps) {
    if (step.ask) asked.set(step.ask, ask(step.ask))
    const timer = step.every && setInterval(() => log(step.log), step.every)
    if (step.until) answers[step.until] = await asked.get(step.until)
    clearInterval(timer)
    if (step.take) say({ method: 'notifications/cancelled', params: { requestId: step.take } })
    if (step.progress && progressToken !== undefined) {
      say({ method: 'notifications/progress', params: { progressToken, progress: step.progress } })
    }
    if (step.log) log(step.log)
    if (step.ms) await sleep(step.ms)
    if (step.block) for (const end = Date.now() + step.block; Date.now() < end;);
    if (step.exit !== undefined) process.exit(step.exit)
  }
  return { content: [{ type: 'text', text: JSON.stringify({ pid: process.pid, answers }) }] }
}

const inputSchema = { type: 'object' }
/** @type {Record<string, (params: any) => unknown>} */
const methods = {
  initialize: () => ({
    protocolVersion: '2025-11-25',
    serverInfo: { name: 'scripted-input-requests', version: '1' },
    capabilities: { tools: {}, logging: {}, completions: {} },
  }),
  ping: () => ({}),
  'logging/setLevel': () => sleep(slowLevel).then(() => ({})),
  'tools/list': () => ({ tools: [{ name: 'run', inputSchema }] }),
  'tools/call': ({ arguments: args, _meta }) => run(args.steps, _meta?.progressToken),
  'completion/complete': async () => {
    const answer = await ask('completion')
    return { completion: { values: [JSON.stringify(answer)] } }
  },
}

async function heed(/** @type {string} */ line) {
  const { id, method, params, result, error } = JSON.parse(line)
  if (id === undefined) return
  if (method === undefined) open.get(id)?.(result ?? error)
  else if (Object.hasOwn(methods, method)) say({ id, result: await methods[method]?.(params ?? {}) })
  else say({ id, error: { code: -32601, message: 'Method not found' } })
}

createInterface({ input: process.stdin }).on('line', (line) => void heed(line))
