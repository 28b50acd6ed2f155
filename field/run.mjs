// Clients and servers that people run, with mcplex in between and without: what differs?
//
//   node field/run.mjs [client or server...] [--at-once N] [--all] [--list]
//
// Promises: a row for each thing that is tried, and `field: N passed, N failed`; exits with 1 if any failed. `--all` tries
// everything, and prints `docs/field.md`; without it, and without names, it is what CI tries. Needs a built mcplex, and the
// Node of `conformance/`, as some clients run on 22 or later.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { format, resolveConfig } from 'prettier'

import { installSuites, suiteNode } from '../conformance/install.mjs'
import { compareClient } from './client-comparison.mjs'
import { clientOf, clients } from './clients.mjs'
import { fieldDocument } from './document.mjs'
import { install, installServers, isQuick } from './install.mjs'
import { ownValues } from './own-values.mjs'
import { compareServer } from './server-comparison.mjs'
import { servers } from './servers.mjs'

const USAGE_ERROR = 2
/** Most of the time a client or a server starts, or waits. */
const LANES = 2
const page = join(import.meta.dirname, '..', 'docs', 'field.md')

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'at-once': { type: 'string' }, all: { type: 'boolean' }, list: { type: 'boolean' } },
})

const say = (/** @type {string} */ line) => process.stdout.write(`${line}\n`)
let [passed, failed] = [0, 0]

/**
 * Tries one thing, and says what came of it.
 * @param {string} name
 * @param {string} what
 * @param {() => Promise<{ missing?: string | undefined, wrong: readonly string[] }>} attempt
 * @returns {Promise<string>} what came of it, in words
 */
async function row(name, what, attempt) {
  const startedMs = performance.now()
  const { missing, wrong } = await attempt().catch((error) => ({ missing: undefined, wrong: [String(error)] }))
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  const verdict = missing ?? (wrong.length === 0 ? 'well' : 'FAILED')
  say(`${name.padEnd(16)} ${what.padEnd(24)} ${verdict} (${seconds} s)`)
  for (const line of wrong) say(`  ${line}`)
  if (wrong.length > 0) failed++
  else if (missing === undefined) passed++
  return verdict
}

/**
 * Compares one thing, and keeps what was found for the document.
 * @template {object} T
 * @param {string} name
 * @param {() => Promise<T>} compare
 * @param {Map<string, T | { failure: string }>} kept
 */
async function compared(name, compare, kept) {
  await row(name, 'as directly', async () => {
    try {
      const found = await compare()
      kept.set(name, found)
      return {
        wrong: [],
        .../** @type {{ missing?: string }} */ (found),
        ...('differences' in found && { wrong: found.differences }),
      }
    } catch (error) {
      kept.set(name, { failure: String(error) })
      throw error
    }
  })
}

/**
 * Many of a client at once before both kinds of server.
 * @param {string} client
 * @param {string} node
 */
async function manyOf(client, node) {
  const { atOnce, alone } = clientOf(client)
  if (alone !== undefined) return alone
  const count = Number(values['at-once'] ?? atOnce)
  const verdicts = []
  for (const speaks of /** @type {const} */ (['old', 'dual']))
    verdicts.push(await row(client, `${count} at once, ${speaks}`, () => ownValues(node, client, speaks, count)))
  return verdicts.every((verdict) => verdict === 'well') ? `${count}: yes` : verdicts.join(', ')
}

/** @param {import('./document.mjs').Run} run */
async function print(run) {
  const text = fieldDocument(run)
  writeFileSync(page, await format(text, { ...(await resolveConfig(page)), parser: 'markdown' }))
  say('docs/field.md is printed')
}

async function main() {
  const known = [...clients, ...servers]
  if (values.list) return known.forEach(say)
  const unknown = positionals.find((name) => !known.includes(name))
  if (unknown !== undefined) {
    say(`unknown client or server: ${unknown}; --list names them`)
    process.exitCode = USAGE_ERROR
    return
  }
  const isMeant = (/** @type {string} */ name) =>
    positionals.length > 0 ? positionals.includes(name) : values.all === true || isQuick(name)
  install(clients.filter(isMeant))
  installServers(servers.filter(isMeant))
  installSuites()

  /** @type {import('./document.mjs').Run} */
  const run = { clients: new Map(), ownValues: new Map(), servers: new Map(), machine: machine() }
  const tries = [
    ...clients.filter(isMeant).map((client) => async () => {
      const node = suiteNode(clientOf(client).node)
      run.ownValues.set(client, await manyOf(client, node))
      await compared(client, () => compareClient(node, client), run.clients)
    }),
    ...servers.filter(isMeant).map((server) => () => compared(server, () => compareServer(server), run.servers)),
  ]
  await Promise.all(Array.from({ length: LANES }, () => lane(tries)))
  if (values.all === true && positionals.length === 0) await print(run)
  say(`field: ${passed} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
}

/**
 * Tries one after the other, as long as there are any.
 * @param {(() => Promise<void>)[]} tries
 */
async function lane(tries) {
  for (let next = tries.shift(); next; next = tries.shift()) await next()
}

function machine() {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8'))
  return `${process.platform}, ${process.arch}, with mcplex ${version} on Node ${process.versions.node}`
}

await main()
