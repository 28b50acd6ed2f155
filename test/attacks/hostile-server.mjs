// A stdio server of the session-based era that behaves badly on purpose; each tool is one kind of misbehaviour.
//
//   --strict             refuses a handshake of clients that declare an extension
//   --end-at-evil        exits upon a handshake that holds the word "evil"
//   --by-capabilities    lists a tool for each capability that its client declared, and one named after its process
//   --slow-own-list=MS   answers mcplex so much later that asks what it lists to clients with some capability
//   --starts=FILE        writes a line into FILE for each process
//   --no-start-after=N   with --starts: every process after the first N exits at once
//   --impatient=MS       exits if nothing is said to it for so long after its start
//   --slow-start=MS      answers the handshake of clients so much later, that of mcplex for itself at once
//
// Promises: what is not named here is answered properly; ends with its stdin.

import { appendFileSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** @param {string} name */
const flag = (name) =>
  process.argv.find((word) => word === `--${name}` || word.startsWith(`--${name}=`))?.split('=')[1] ?? undefined
const startsFile = flag('starts')
const slowStartMs = Number(flag('slow-start') ?? 0)
if (startsFile !== undefined) {
  appendFileSync(startsFile, `${process.pid}\n`)
  const starts = readFileSync(startsFile, 'utf8').trim().split('\n').length
  if (starts > Number(flag('no-start-after') ?? Infinity)) process.exit(1)
}

const impatience = flag('impatient')
const leave = impatience === undefined ? undefined : setTimeout(() => process.exit(0), Number(impatience))

/** @type {Map<string, unknown>} */
const answers = new Map()
let received = 0
/** What the client said of itself. @type {any} */
let client

/** @param {unknown[]} messages */
const send = (...messages) => process.stdout.write(messages.map((one) => JSON.stringify(one) + '\n').join(''))
/** @param {string | number} id @param {string} text */
const result = (id, text) => ({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } })
/** @param {string} data */
const log = (data) => ({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data } })
/** @param {string} id */
const question = (id) => ({ jsonrpc: '2.0', id, method: 'roots/list' })

/** @type {Record<string, (id: any, args: any, meta: any) => void>} */
const tools = {
  pid: (id) => send(result(id, String(process.pid))),
  say: (id, args) => send(result(id, args.text)),
  received: (id) => send(result(id, String(received))),
  // The answer of the call, and in the same breath a question that belongs to no call.
  'answer-then-ask': (id, args) => send(result(id, 'answered'), question(args.question)),
  // What became of a question.
  answered: (id, args) => send(result(id, JSON.stringify(answers.get(args.question) ?? null))),
  // Goes on to talk after it was cancelled.
  mutter(id, args) {
    const timer = setInterval(() => send(log(args.secret)), 20)
    setTimeout(() => (clearInterval(timer), send(result(id, args.secret))), args.ms)
  },
  slow: (id, args) => setTimeout(() => send(result(id, 'slow')), args.ms),
  hang() {},
  twice: (id) => send(result(id, 'first'), result(id, 'second')),
  // Big pieces of progress, and then the answer.
  flood(id, args, meta) {
    for (let progress = 1; progress <= args.count; progress++) {
      const message = 'f'.repeat(args.bytes)
      send({
        jsonrpc: '2.0',
        method: 'notifications/progress',
        params: { progressToken: meta?.progressToken, progress, message },
      })
    }
    send(result(id, 'flooded'))
  },
  // A change of a list under metadata that no serialiser can walk.
  abyss(id, args) {
    const depth = args.depth
    const deep = `${'['.repeat(depth)}${']'.repeat(depth)}`
    const meta = `{"io.modelcontextprotocol/subscriptionId":1,"deep":${deep}}`
    process.stdout.write(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":${meta}}}\n`)
    send(result(id, 'alive'))
  },
  crash: () => process.exit(3),
  // Answers nothing else meanwhile.
  block(id, args) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, args.ms)
    send(result(id, 'blocked'))
  },
}

/** What is told to this client. */
const listed = () => {
  if (!process.argv.includes('--by-capabilities')) return Object.keys(tools)
  return [`of-${process.pid}`, ...Object.keys(client.capabilities).map((name) => `can-${name}`), ...Object.keys(tools)]
}

/** @type {Record<string, (id: any, params: any) => void>} */
const methods = {
  initialize(id, params) {
    if (process.argv.includes('--end-at-evil') && JSON.stringify(params).includes('evil')) process.exit(4)
    if (process.argv.includes('--strict') && params.capabilities.extensions !== undefined) {
      return send({ jsonrpc: '2.0', id, error: { code: -32602, message: 'Invalid params' } })
    }
    client = params
    const capabilities = { tools: { listChanged: true }, resources: { subscribe: true }, logging: {} }
    const hello = {
      protocolVersion: params.protocolVersion,
      capabilities,
      serverInfo: { name: 'hostile', version: '1' },
    }
    setTimeout(() => send({ jsonrpc: '2.0', id, result: hello }), params.clientInfo.name === 'mcplex' ? 0 : slowStartMs)
  },
  ping: (id) => send({ jsonrpc: '2.0', id, result: {} }),
  'tools/list'(id) {
    const answer = () =>
      send({
        jsonrpc: '2.0',
        id,
        result: { tools: listed().map((name) => ({ name, inputSchema: { type: 'object' } })) },
      })
    const isSlow = client.clientInfo.name === 'mcplex' && Object.keys(client.capabilities).length > 0
    setTimeout(answer, isSlow ? Number(flag('slow-own-list') ?? 0) : 0)
  },
  'resources/subscribe': (id) => send({ jsonrpc: '2.0', id, result: {} }),
  'resources/unsubscribe': (id) => send({ jsonrpc: '2.0', id, result: {} }),
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    clearTimeout(leave)
    const { id, method, params, ...answer } = JSON.parse(line)
    if (method === undefined) answers.set(id, answer)
    else if (method === 'tools/call') {
      received++
      if (Object.hasOwn(tools, params.name)) tools[params.name]?.(id, params.arguments ?? {}, params._meta)
      else send({ jsonrpc: '2.0', id, error: { code: -32602, message: 'Unknown tool' } })
    } else if (id === undefined) return
    else if (Object.hasOwn(methods, method)) methods[method]?.(id, params)
    else send({ jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } })
  })
  .on('close', () => process.exit(0))
