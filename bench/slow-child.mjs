// A stdio server with a knee: so many calls run at once, each for a time of its own, and others wait. `--slots N --takes MS`;
// with `--contention` calls that wait slow down those that run, as threads, locks and caches do.

import { capabilities, echoed, legacyVersion, serverInfo, tools } from './lib/tools.mjs'

const number = (flag) => Number(process.argv[process.argv.indexOf(flag) + 1])
const [slots, takesMs] = [number('--slots'), number('--takes')]
const contention = process.argv.includes('--contention') ? 0.5 : 0

const answers = {
  initialize: () => ({ protocolVersion: legacyVersion, capabilities, serverInfo }),
  ping: () => ({}),
  'tools/list': () => ({ tools }),
}
const waiting = []
let running = 0

const send = (id, result) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, result }) + '\n')

function begin() {
  while (running < slots && waiting.length > 0) {
    const { id, params } = waiting.shift()
    running += 1
    const ms = takesMs * (0.5 + Math.random()) * (1 + (contention * waiting.length) / slots)
    setTimeout(() => {
      running -= 1
      send(id, echoed(params.arguments.text))
      begin()
    }, ms)
  }
}

let rest = ''
process.stdin.setEncoding('utf8')
process.stdin.on('data', (chunk) => {
  const lines = (rest + chunk).split('\n')
  rest = lines.pop()
  for (const line of lines) {
    if (line === '') continue
    const message = JSON.parse(line)
    if (message.method === 'tools/call') waiting.push(message)
    else if (message.id !== undefined && answers[message.method]) send(message.id, answers[message.method]())
  }
  begin()
})
process.stdin.on('end', () => process.exit(0))
