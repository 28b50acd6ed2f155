// One client before the reference server that has everything: directly, and through mcplex.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'

import { startGateway } from '../conformance/gateway.mjs'
import { differences } from './differences.mjs'
import { runProgram } from './run-program.mjs'
import { serverCommand } from './servers.mjs'

/** @import { Seen } from './clients/observe-client.mjs' */

const watcher = join(import.meta.dirname, 'clients', 'observe-client.mjs')
const READY_WITHIN_MS = 20_000

/**
 * @typedef {{ missing: string } | { direct: Seen, through: Seen, differences: string[] }} Compared
 *   what was seen in both places, or why the client could not be tried
 */

/**
 * Throws when the client does not get as far as its calls.
 * @param {string} node  to run the client on
 * @param {string} client
 * @returns {Promise<Compared>}
 */
export async function compareClient(node, client) {
  const server = serverCommand('everything')
  const alone = await startAlone(server)
  let direct
  try {
    direct = await runProgram(node, [watcher, client, alone.url])
  } finally {
    await alone.stop()
  }
  if (direct.missing !== undefined) return direct
  const gateway = await startGateway('serve', ['--log-level', 'warn', '--', process.execPath, ...server.args])
  let through, complaint
  try {
    through = await runProgram(node, [watcher, client, gateway.url])
  } finally {
    complaint = await gateway.stop()
  }
  const seen = (/** @type {Seen} */ { tools, results }) => ({ tools, results })
  const found = differences(seen(direct), seen(through))
  return { direct, through, differences: complaint === undefined ? found : [...found, complaint] }
}

/**
 * Starts the server as one that listens by itself.
 * @param {ReturnType<typeof serverCommand>} server
 */
async function startAlone({ args: [main = ''] }) {
  const port = await freePort()
  const child = spawn(process.execPath, [main, 'streamableHttp'], {
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = once(child, 'exit')
  await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('the server does not listen')), READY_WITHIN_MS)
    child.stderr.setEncoding('utf8').on('data', (text) => {
      if (!text.includes('listening')) return
      clearTimeout(late)
      resolve(undefined)
    })
  })
  return {
    url: `http://localhost:${port}/mcp`,
    async stop() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** The server takes no port 0: one that was free a moment ago. */
async function freePort() {
  const probe = createServer().listen(0)
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  return typeof address === 'object' && address ? address.port : 0
}
