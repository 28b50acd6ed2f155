// A stdio server that takes more of the machine than it should, and stops by itself before that hurts: `hog` takes
// `megabytes` of memory, itself or in a process that it starts (`child: true`), `bomb` starts `count` processes, 300 at
// most, each of which ends after 30 s. `node greedy-server.mjs`.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

const answer = (id, result) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`)
const say = (id, text) => answer(id, { content: [{ type: 'text', text: String(text) }] })
const taken = []

const take = async (megabytes) => {
  for (let at = 0; at < Math.min(megabytes, 700); at += 10) {
    taken.push(Buffer.alloc(10 * 1024 * 1024, 1))
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const tools = {
  pid: () => process.pid,
  async hog({ megabytes, child = false }) {
    if (!child) await take(megabytes)
    else {
      const hog = spawn(process.execPath, [import.meta.filename, `--take=${megabytes}`], { stdio: 'ignore' })
      await new Promise((resolve) => hog.once('exit', resolve))
    }
    // It keeps it until it is ended.
    await new Promise((resolve) => setTimeout(resolve, 60_000))
    return 'taken'
  },
  async bomb({ count }) {
    const script = `i=0; while [ $i -lt ${Math.min(count, 300)} ]; do sleep 30 > /dev/null & echo $!; i=$((i+1)); done`
    const bomb = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] })
    let pids = ''
    for await (const chunk of bomb.stdout) pids += chunk
    return pids.trim().split('\n').join(' ')
  },
}

const alone = process.argv.find((flag) => flag.startsWith('--take='))
if (alone) {
  await take(Number(alone.slice('--take='.length)))
  setTimeout(() => {}, 30_000)
} else createInterface({ input: process.stdin }).on('line', (line) => void hear(line))

async function hear(line) {
  const { id, method, params } = JSON.parse(line)
  if (method === 'initialize') {
    const { protocolVersion } = params
    answer(id, { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'greedy', version: '1' } })
  } else if (method === 'tools/list')
    answer(id, { tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object' } })) })
  else if (method === 'tools/call') say(id, await tools[params.name](params.arguments))
  else if (id !== undefined && method !== undefined) answer(id, {})
}
