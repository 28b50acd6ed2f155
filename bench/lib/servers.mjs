// Starts and ends what is measured: the bare yardsticks, mcplex, and npm's mcp-proxy, each pinned to the server's core.
// Promises that a started server answers, and that none outlives the run. Ends only what it started, by pid.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cpuMsOf, descendantsOf, rssKiBOf } from './machine.mjs'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const child = (era) => [process.execPath, at('../child.mjs'), '--era', era]
const bench = at('..')
const patienceMs = 20_000
const running = new Set()

const mcplexEntry = at('../../dist/cli/main.js')

async function until(words, look) {
  const end = Date.now() + patienceMs
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > end) throw new Error(`${words} within ${patienceMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

/** Starts a command and resolves to a running server once `endpointOf(stdout so far)` finds its endpoint. */
async function start(name, prefix, command, endpointOf, env = {}) {
  const [file, ...args] = [...prefix, ...command]
  const process_ = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  running.add(process_)
  let out = ''
  let err = ''
  process_.stdout.on('data', (chunk) => (out = (out + chunk).slice(-20_000)))
  process_.stderr.on('data', (chunk) => (err = (err + chunk).slice(-4_000)))
  const exited = new Promise((resolve) => process_.once('exit', resolve))
  const pid = process_.pid
  try {
    const endpoint = await until(`${name} was not ready`, () => {
      if (process_.exitCode !== null) throw new Error(`${name} ended with ${process_.exitCode}`)
      return endpointOf(out)
    })
    return {
      name,
      pid,
      endpoint,
      cpuMs: () => cpuMsOf(pid),
      rssKiB: () => rssKiBOf(pid),
      descendants: () => descendantsOf(pid),
      signal: (signal) => process_.kill(signal),
      /** The last of what it wrote to stderr. */
      talk: () => err,
      async stop() {
        process_.kill('SIGTERM')
        const late = setTimeout(() => process_.kill('SIGKILL'), patienceMs)
        await exited
        clearTimeout(late)
        running.delete(process_)
      },
    }
  } catch (error) {
    process_.kill('SIGKILL')
    throw new Error(`${error.message}\n${command.join(' ')}\n${err}`, { cause: error })
  }
}

function readyLine(out) {
  for (const line of out.split('\n').slice(0, -1)) {
    if (!line.startsWith('{')) continue
    const ready = JSON.parse(line)
    if (ready.event === 'ready') return ready.endpoint
  }
  return undefined
}

const heapOnSignal = new URL('heap-on-signal.mjs', import.meta.url).href
const collecting = ['--expose-gc', '--import', at('gc-on-signal.mjs')]
const nodeOptions = ({ gc = false, heapTo, profileTo }) => [
  ...(gc ? collecting : []),
  ...(heapTo === undefined ? [] : ['--expose-gc', '--import', `${heapOnSignal}?to=${encodeURIComponent(heapTo)}`]),
  ...(profileTo === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileTo]),
]

/** The servers of one run, all on the server's core. `options`: `{ gc?, heapTo?, profileTo?, http2?, mode? }`. */
export function servers(place) {
  const prefix = place.prefix('server')
  return {
    bare({ gc, heapTo, http2 = false, objects = false, tools } = {}) {
      const command = [
        process.execPath,
        ...nodeOptions({ gc, heapTo }),
        at('../bare.mjs'),
        ...(http2 ? ['--http2'] : []),
        ...(objects ? ['--objects'] : []),
        ...(tools === undefined ? [] : ['--tools', String(tools)]),
      ]
      return start('bare', prefix, command, readyLine)
    },

    bareProxy: (childEra) =>
      start('bare proxy', prefix, [process.execPath, at('../bare-proxy.mjs'), '--', ...child(childEra)], readyLine),

    mcplex(childEra, options = {}) {
      if (!existsSync(mcplexEntry)) throw new Error('mcplex is not built: run `npm run build` first')
      const serve = ['serve', '--port', '0', '--json', '--log-level', 'warn', '--mode', options.mode ?? 'shared']
      const limits = ['--max-connections', '20000', '--queue', '20000']
      const command = [process.execPath, ...nodeOptions(options), mcplexEntry, ...serve, ...limits]
      // A profile counts wall time: a child that a write wakes on the same core would run inside of that write.
      const childAt = options.profileTo === undefined ? [] : place.prefix('load')
      return start('mcplex', prefix, [...command, '--', ...childAt, ...child(childEra)], readyLine)
    },

    /** `mcplex up` with a file of `upstreams` servers named s0, s1 ... of `tools` tools each. */
    mcplexOfSeveral(childEra, { upstreams, tools, ...options }) {
      const command = [...child(childEra), '--tools', String(tools)]
      const one = { command, mode: 'shared', pool: { spares: 0 } }
      const several = Object.fromEntries(Array.from({ length: upstreams }, (_, index) => [`s${index}`, one]))
      return up(prefix, several, options)
    },

    /** `mcplex up` with `module.mjs`: a server object for each session, or one for all clients of the stateless era. */
    mcplexOfModule(era, options = {}) {
      const stateless = era === 'modern' ? { stateless: 'shared' } : {}
      return up(prefix, { mine: { module: at('../module.mjs'), ...stateless } }, options)
    },

    /** `mcplex up` with these servers. `options`: those of all, and `{ limits?, env?, words?, parts? }` (of the file). */
    mcplexUp: (upstreams, options = {}) => up(prefix, upstreams, options),

    async mcpProxy() {
      const entry = at('../node_modules/mcp-proxy/dist/bin/mcp-proxy.mjs')
      if (!existsSync(entry)) install()
      const port = await freePort()
      const flags = ['--host', '127.0.0.1', '--port', String(port), '--server', 'stream', '--']
      let accepts = false
      return start('mcp-proxy', prefix, [process.execPath, entry, ...flags, ...child('legacy')], async () => {
        accepts ||= await listens(port)
        return accepts ? `http://127.0.0.1:${port}/mcp` : undefined
      })
    },
  }
}

/** `mcplex up` with a file of these servers. */
async function up(prefix, upstreams, options) {
  const { limits, env = {}, words: more = [], parts = {} } = options
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-bench-'))
  const file = { listen: { port: 0 }, limits: { maxConnections: 20_000, ...limits }, upstreams, ...parts }
  writeFileSync(join(folder, 'mcplex.yaml'), JSON.stringify(file))
  const words = ['up', '--config', join(folder, 'mcplex.yaml'), '--json', '--log-level', 'warn', ...more]
  const server = await start(
    'mcplex',
    prefix,
    [process.execPath, ...nodeOptions(options), mcplexEntry, ...words],
    readyLine,
    env,
  )
  const stop = () => server.stop().finally(() => rmSync(folder, { recursive: true }))
  return { ...server, stop }
}

function install() {
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: bench,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (status !== 0) throw new Error('npm ci in bench/ failed: the peers of bench/package.json are not installed')
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(Boolean(socket.destroy())))
    socket.once('error', () => resolve(false))
  })
}

/** A program of this folder on the core of the load; `tell(order)` sends it a message, `ask(order)` resolves to its next one. */
export function program(place, name) {
  const process_ = spawn(...headOf([...place.prefix('load'), process.execPath, at(`../${name}`)]), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  running.add(process_)
  process_.once('exit', () => running.delete(process_))
  return {
    tell: (order) => void process_.send(order),
    ask: (order) =>
      new Promise((resolve, reject) => {
        const gone = (code) => reject(new Error(`${name} ended with ${code}`))
        process_.once('exit', gone)
        process_.once('message', (answer) => {
          process_.off('exit', gone)
          if (answer.error === undefined) resolve(answer)
          else reject(new Error(answer.error))
        })
        process_.send(order)
      }),
    end: () => process_.kill('SIGKILL'),
  }
}

const headOf = ([file, ...args]) => [file, args]

/** A load generator: `ask(order, details)` resolves to its answer; `kill` drops all its connections at once. */
export function generator(place) {
  const [file, ...args] = [...place.prefix('load'), process.execPath, at('../load.mjs')]
  const process_ = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  running.add(process_)
  process_.once('exit', () => running.delete(process_))
  return {
    pid: process_.pid,
    ask: (order, details = {}) =>
      new Promise((resolve, reject) => {
        const gone = (code) => reject(new Error(`the generator ended with ${code}`))
        process_.once('exit', gone)
        process_.once('message', ({ result, error }) => {
          process_.off('exit', gone)
          if (error === undefined) resolve(result)
          else reject(new Error(error))
        })
        process_.send({ order, ...details })
      }),
    /** Ends it in the middle of what it does; resolves when all of its connections are closed. */
    kill() {
      const exited = new Promise((resolve) => process_.once('exit', resolve))
      process_.kill('SIGKILL')
      return exited
    },
  }
}

process.on('exit', () => {
  for (const process_ of running) process_.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130))
