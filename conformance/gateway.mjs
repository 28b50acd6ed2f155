// Starts mcplex as a user does, and ends it again.
//
// Promises: the gateway and each server behind it are ready when `startGateway` resolves; `stop` ends that process, by its
// id, whatever happens, and says how it ended. Leaves building to `npm run build`.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const READY_WITHIN_MS = 20_000
const ENDED_WITHIN_MS = 15_000
const POLL_MS = 50
const KEPT_LOG_CHARS = 20_000

const root = fileURLToPath(new URL('..', import.meta.url))
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))

/**
 * @typedef {object} Gateway
 * @property {string} url               with the host name that the suites ask for
 * @property {() => string} log         the end of what it wrote to stderr
 * @property {() => Promise<string | undefined>} stop   a reason, when it did not end well
 */

/**
 * @param {'serve' | 'up'} verb
 * @param {string[]} args  of the verb, beside those that are always given
 * @param {(line: string) => void} [onLog]  told each line of the log
 * @returns {Promise<Gateway>}
 */
export async function startGateway(verb, args, onLog = () => {}) {
  if (!existsSync(main)) throw new Error('mcplex is not built: run `npm run build` first')
  const argv = [main, verb, '--port', '0', '--json', '--log-format', 'json', ...args]
  const child = spawn(process.execPath, argv, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'exit')
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text) => (log = (log + text).slice(-KEPT_LOG_CHARS)))
  createInterface({ input: child.stderr }).on('line', onLog)

  const stop = async () => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), ENDED_WITHIN_MS)
    const [code, signal] = await ended
    clearTimeout(timer)
    return code === 0 ? undefined : `mcplex ended with ${signal ?? `code ${code}`} after SIGTERM`
  }

  try {
    const { endpoint } = await firstLine(child.stdout, ended)
    const url = new URL(endpoint)
    url.hostname = 'localhost'
    await allServersReady(new URL('/health', url))
    return { url: url.href, log: () => log, stop }
  } catch (error) {
    await stop()
    throw new Error(`mcplex did not start by ${verb} ${args.join(' ')}:\n${log}`, { cause: error })
  }
}

/**
 * The first line of JSON that it prints: it prints one once it is ready.
 * @param {import('node:stream').Readable} stdout
 * @param {Promise<unknown[]>} ended
 */
async function firstLine(stdout, ended) {
  const lines = createInterface({ input: stdout })
  const signal = AbortSignal.timeout(READY_WITHIN_MS)
  const line = once(lines, 'line', { signal }).then(([text]) => text)
  const early = ended.then(([code]) => {
    throw new Error(`it ended with code ${String(code)}`)
  })
  return JSON.parse(await Promise.race([line, early]))
}

/**
 * mcplex does not wait for every server that it serves, but what a suite finds must not depend on who is first.
 * @param {URL} health
 */
async function allServersReady(health) {
  const signal = AbortSignal.timeout(READY_WITHIN_MS)
  for (;;) {
    const { checks } = await (await fetch(health, { signal })).json()
    if (Object.values(checks).every(({ ok }) => ok)) return
    await pause(POLL_MS, undefined, { signal })
  }
}
