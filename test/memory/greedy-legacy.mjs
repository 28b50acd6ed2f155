// A stdio server of the session-based era that takes memory in every way that a server can; each tool is one.
//
// Promises: what is not named here is answered properly; ends with its stdin, or when nobody reads its stdout any more.
import { createInterface } from 'node:readline'

/** @param {unknown} message */
const send = (message) => process.stdout.write(JSON.stringify(message) + '\n')
/** @param {string | number} id @param {string} text */
const answer = (id, text) => send({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } })
const lines = createInterface({ input: process.stdin })

/** Leaves what is sent to it in the pipe from here on. */
const stopReading = () => {
  lines.pause()
  process.stdin.pause()
  // Nothing else would keep it alive.
  setInterval(() => {}, 1000)
}

/** Writes as long as somebody reads. @param {string} chunk */
const pour = (chunk) => {
  while (process.stdout.write(chunk));
  process.stdout.once('drain', () => pour(chunk))
}

/** @type {Record<string, (id: any, args: any, token: any) => void>} */
const tools = {
  echo: (id, args) => answer(id, args.text),
  hang() {},
  // Progress that its reader has taken, progress that it has not, and a long answer behind that.
  later(id, args, token) {
    /** @param {number} progress */
    const step = (progress) => {
      if (progress > 2) return answer(id, 'x'.repeat(args.bytes))
      const params = { progressToken: token, progress, message: 'x'.repeat(300_000) }
      send({ jsonrpc: '2.0', method: 'notifications/progress', params })
      setTimeout(() => step(progress + 1), 200)
    }
    step(1)
  },
  // Reads nothing any more.
  deaf(id) {
    answer(id, 'deaf')
    stopReading()
  },
  // Reads nothing any more, and asks without end.
  ask(id, args) {
    answer(id, 'asking')
    stopReading()
    const question = JSON.stringify({ jsonrpc: '2.0', id: 'x'.repeat(args.idChars), method: args.method }) + '\n'
    pour(question.repeat(100))
  },
  // The beginning of a line that never ends.
  begin(id, args) {
    answer(id, 'begun')
    process.stdout.write(
      `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${'x'.repeat(args.bytes)}`,
    )
  },
  // A result of many tiny members.
  dense(id, args) {
    process.stdout.write(
      `{"jsonrpc":"2.0","id":${id},"result":{"content":[],"list":[${'[],'.repeat(args.members)}0]}}\n`,
    )
  },
  // A result that is longer than a line may be, with its id at the end.
  long(id, args) {
    process.stdout.write(`{"result":{"content":[],"x":"${'x'.repeat(args.bytes)}"},"jsonrpc":"2.0","id":${id}}\n`)
  },
}

lines.on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  if (method === 'initialize') {
    const { protocolVersion } = params
    const serverInfo = { name: 'unruly', version: '1' }
    send({ jsonrpc: '2.0', id, result: { protocolVersion, capabilities: { tools: {} }, serverInfo } })
  } else if (method === 'tools/list') {
    const list = Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object' } }))
    send({ jsonrpc: '2.0', id, result: { tools: list } })
  } else if (method === 'tools/call') tools[params.name]?.(id, params.arguments, params._meta?.progressToken)
  else if (id !== undefined && method === 'ping') send({ jsonrpc: '2.0', id, result: {} })
  else if (id !== undefined) send({ jsonrpc: '2.0', id, error: { code: -32601, message: 'not here' } })
})
process.stdin.on('end', () => process.exit(0))
process.stdout.on('error', () => process.exit(0))
