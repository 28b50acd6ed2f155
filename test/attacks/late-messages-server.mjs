// A stdio server that sends messages of a call that is over while the next call is in flight.
//
//   later {secret, as, hang, ms}   answers at once, or never with `hang`; a tenth of a second later, or so many
//                              milliseconds, as soon as another call is here, it asks for a form (`as: "question"`),
//                              logs (`as: "log"`) or gives an error that names no request (`as: "error"`) with the secret
//   busy                       answers a moment after all of that was said, and its questions were answered unless that
//                              takes two seconds: the process, and what became of its questions
//   form {message}             asks for a form, and answers with what it got
//
// With --stateless it speaks the stateless revision, in which it cannot ask; else the session-based ones.
// Promises: says by progress that it has begun, if the client wants that; goes on with a call that was cancelled; ends
// with its stdin.

import { createInterface } from 'node:readline'

const isStateless = process.argv.includes('--stateless')
/** @type {Map<string, (answer: unknown) => void>} */
const open = new Map()
/** @type {Record<string, unknown>} */
const answers = {}
let late = 0
let unanswered = 0
let guests = 0

const say = (/** @type {object} */ message) =>
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms))
const until = async (/** @type {() => boolean} */ holds, ms = Infinity) => {
  for (const end = Date.now() + ms; !holds() && Date.now() < end;) await sleep(5)
}
/** @type {(message: string) => Promise<unknown>} */
const ask = (message) => {
  const answered = new Promise((resolve) => open.set(message, resolve))
  const requestedSchema = { type: 'object', properties: {} }
  say({ id: message, method: 'elicitation/create', params: { message, requestedSchema } })
  return answered
}
const text = (/** @type {unknown} */ value) => ({
  content: [{ type: 'text', text: JSON.stringify(value) }],
  ...(isStateless && { resultType: 'complete' }),
})

async function speakLate(/** @type {any} */ { secret, as, ms = 100 }) {
  late++
  await sleep(ms)
  await until(() => guests > 0)
  if (as === 'error') say({ id: null, error: { code: -32000, message: secret } })
  else if (as === 'log') say({ method: 'notifications/message', params: { level: 'error', data: secret } })
  else {
    unanswered++
    void ask(secret).then((answer) => {
      answers[secret] = answer
      unanswered--
    })
  }
  late--
}

/** @type {Record<string, (args: any, progressToken: unknown) => unknown>} */
const tools = {
  later(args, progressToken) {
    if (progressToken !== undefined) say({ method: 'notifications/progress', params: { progressToken, progress: 1 } })
    void speakLate(args)
    return args.hang ? new Promise(() => {}) : text({ pid: process.pid })
  },
  async busy() {
    guests++
    await until(() => late === 0)
    await until(() => unanswered === 0, 2000)
    await sleep(200)
    guests--
    return text({ pid: process.pid, answers })
  },
  async form({ message }) {
    const answered = ask(message)
    guests++
    const answer = await answered
    guests--
    return text({ pid: process.pid, answer })
  },
}

const cached = { resultType: 'complete', ttlMs: 0, cacheScope: 'public' }
const capabilities = { tools: {}, logging: {} }
/** @type {Record<string, (params: any) => unknown>} */
const methods = {
  ...(isStateless
    ? { 'server/discover': () => ({ supportedVersions: ['2026-07-28'], capabilities, ...cached }) }
    : {
        initialize: () => ({
          protocolVersion: '2025-11-25',
          serverInfo: { name: 'late-messages-server', version: '1' },
          capabilities,
        }),
        ping: () => ({}),
        'logging/setLevel': () => ({}),
      }),
  'tools/list': () => ({
    tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object' } })),
    ...(isStateless && cached),
  }),
  'tools/call': ({ name, arguments: args, _meta }) => tools[name]?.(args ?? {}, _meta?.progressToken),
}

async function heed(/** @type {string} */ line) {
  const { id, method, params, result, error } = JSON.parse(line)
  if (id === undefined) return
  if (method === undefined) open.get(id)?.(result ?? error)
  else if (Object.hasOwn(methods, method)) say({ id, result: await methods[method]?.(params ?? {}) })
  else say({ id, error: { code: -32601, message: 'Method not found' } })
}

createInterface({ input: process.stdin })
  .on('line', (line) => void heed(line))
  .on('close', () => process.exit(0))
