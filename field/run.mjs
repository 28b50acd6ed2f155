// Clients that people run, in front of servers that keep state of their client: does each find its own?
//
//   node field/run.mjs [client...] [--at-once N] [--list]
//
// Promises: for each client, as many of it at once as `atOnce` says, before a server with sessions and one of both eras
// behind mcplex as it is by default. Each stores a value and reads its own; each has asked for the stateless revision,
// and got a session. Prints a row for each, and `field: N passed, N failed`; exits with 1 if any failed. Needs a built
// mcplex, and the Node of `conformance/`, as some clients run on 22 or later.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { startGateway } from '../conformance/gateway.mjs'
import { installSuites, suiteNode } from '../conformance/install.mjs'
import { clients, install } from './install.mjs'

const USAGE_ERROR = 2
const PLAYED_WITHIN_MS = 180_000
const KEPT_CHARS = 2_000

/** A program each costs much more than a connection each; `--at-once 20` has been tried. */
const atOnce = (/** @type {string} */ client) => (client === 'claude-code' ? 3 : 20)

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'at-once': { type: 'string' }, list: { type: 'boolean' } },
})

const say = (/** @type {string} */ line) => process.stdout.write(`${line}\n`)
const player = join(import.meta.dirname, 'clients', 'play.mjs')

/**
 * What each of the clients has read, or why there is no such client here.
 * @param {string} node
 * @param {string} client
 * @param {string} url
 * @param {number} count
 * @returns {Promise<{ found?: string[], missing?: string }>}
 */
async function play(node, client, url, count) {
  // A group of its own, so that what the client has started ends with it.
  const child = spawn(node, [player, client, url, String(count)], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (err = (err + text).slice(-KEPT_CHARS)))
  const end = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // All of them are gone.
    }
  }
  const late = setTimeout(end, PLAYED_WITHIN_MS)
  try {
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`it ended with ${code ?? 'a signal'}: ${err}`)
    return JSON.parse(out)
  } finally {
    clearTimeout(late)
    end()
  }
}

/**
 * One client before one server.
 * @param {string} node
 * @param {string} client
 * @param {'old' | 'dual'} speaks
 * @returns {Promise<{ missing?: string, wrong: string[] }>} what is wrong, or why it could not be tried
 */
async function run(node, client, speaks) {
  const count = Number(values['at-once'] ?? atOnce(client))
  const notes = mkdtempSync(join(tmpdir(), 'mcplex-field-'))
  let [asked, sessions] = [0, 0]
  const server = ['test/compatibility/server/server.mjs', `--speaks=${speaks}`, `--notes=${notes}`]
  const gateway = await startGateway(server, ['--log-level', 'info'], (line) => {
    if (line.includes('"code":"discover_refused"')) asked++
    if (line.includes('"msg":"session begins"')) sessions++
  })
  const wrong = []
  let missing
  try {
    const { found = [], missing: reason } = await play(node, client, gateway.url, count)
    missing = reason
    const strange = found.filter((value, number) => value !== `value ${number}`)
    if (found.length !== count || strange.length > 0) wrong.push(`not their own: ${JSON.stringify(strange)}`)
    if (asked < count) wrong.push(`${asked} of ${count} have asked for the stateless revision`)
    if (sessions < count) wrong.push(`${sessions} sessions for ${count}`)
  } catch (error) {
    wrong.push(String(error))
  }
  const complaint = await gateway.stop()
  if (complaint !== undefined) wrong.push(complaint)
  rmSync(notes, { recursive: true, force: true })
  return missing === undefined ? { wrong } : { missing, wrong: [] }
}

async function main() {
  if (values.list) return clients.forEach(say)
  const unknown = positionals.find((name) => !clients.includes(name))
  if (unknown !== undefined) {
    say(`unknown client: ${unknown}; --list names them`)
    process.exitCode = USAGE_ERROR
    return
  }
  const names = positionals.length > 0 ? positionals : clients
  install(names)
  installSuites()
  const node = suiteNode(undefined)
  let [passed, failed] = [0, 0]
  for (const client of names) {
    for (const speaks of /** @type {const} */ (['old', 'dual'])) {
      const startedMs = performance.now()
      const { missing, wrong } = await run(node, client, speaks)
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
      const verdict = missing ?? (wrong.length === 0 ? 'each finds its own' : 'FAILED')
      say(`${client.padEnd(16)} ${speaks.padEnd(6)} ${verdict} (${seconds} s)`)
      for (const line of wrong) say(`  ${line}`)
      if (wrong.length > 0) failed++
      else if (missing === undefined) passed++
    }
  }
  say(`field: ${passed} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
}

await main()
