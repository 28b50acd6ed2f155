// The official conformance suites against mcplex in front of our own fixture servers, in each era.
//
//   node conformance/run.mjs [lane...] [--node 22|24] [--list]
//
// Promises: prints one row per lane and a last line `N passed, N failed`; exits with 1 when a check fails that
// `expected-failures/` does not name, when a named one passes, or when mcplex does not start or end as it should. A lane
// that fails is run once more, with longer timers in its suite: what passes then is named as unstable.
// What each suite and mcplex said is left in `out/conformance/<lane>/`. Needs a built mcplex; builds nothing.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { judge, readBaseline } from './baseline.mjs'
import { commandLine } from './commands.mjs'
import { startGateway } from './gateway.mjs'
import { installSuites, suiteMain, suiteNode } from './install.mjs'
import { lanes } from './lanes.mjs'
import { runSuite } from './suite.mjs'

const USAGE_ERROR = 2

const out = fileURLToPath(new URL('../out/conformance', import.meta.url))
const baselines = fileURLToPath(new URL('expected-failures', import.meta.url))

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { node: { type: 'string' }, list: { type: 'boolean' } },
})

const say = (/** @type {string} */ line) => process.stdout.write(`${line}\n`)

/**
 * @param {import('./lanes.mjs').Lane} lane
 * @param {string} node
 * @param {boolean} isAgain
 */
async function runLane(lane, node, isAgain) {
  const entries = readBaseline(join(baselines, `${lane.expects}.yaml`))
  const folder = join(out, lane.name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  let streams = 0
  const count = (/** @type {string} */ line) => void (streams += streamsIn(line))
  const gateway = await startGateway(...commandLine(lane, folder), count)
  let found
  let complaint
  try {
    const { suite, selects, isH2 } = lane
    found = await runSuite({ node, main: suiteMain(suite), url: gateway.url, selects, folder, isH2, isAgain })
  } finally {
    complaint = await gateway.stop()
  }
  writeFileSync(join(folder, 'mcplex.log'), gateway.log())
  if (lane.isH2 && (found.fetched === 0 || streams < found.fetched))
    complaint ??= `${found.fetched} requests were made, and ${streams} came over HTTP/2`
  const silent = found.scenarios - new Set(found.checks.map(({ scenario }) => scenario)).size
  const judged = judge(found.checks, entries)
  const notes = [
    ...judged.unexpected.map(({ scenario, id, message }) => `${scenario}:${id} ${message}`),
    ...judged.stale.map(({ scenario, check }) => `expected to fail, but does not: ${scenario} ${check ?? ''}`),
    ...(complaint === undefined ? [] : [complaint]),
  ]
  return { scenarios: found.scenarios, silent, notes, ...judged }
}

/**
 * @param {import('./lanes.mjs').Lane} lane
 * @param {string} node
 */
async function runUntilSure(lane, node) {
  const first = await runLane(lane, node, false)
  if (first.notes.length === 0) return { ...first, unstable: [] }
  const again = await runLane(lane, node, true)
  return { ...again, unstable: first.notes.filter((note) => !again.notes.includes(note)) }
}

/**
 * The requests that a line of the log tells of.
 * @param {string} line
 */
function streamsIn(line) {
  if (!line.includes('"protocol":"h2"')) return 0
  const { streams } = JSON.parse(line)
  return typeof streams === 'number' ? streams : 0
}

/** @param {(string | number)[]} cells */
const row = (cells) =>
  say(cells.map((cell, index) => (index === 0 ? `${cell}`.padEnd(26) : `${cell}`.padStart(12))).join(''))

async function main() {
  if (values.list) return lanes.forEach(({ name }) => say(name))
  const unknown = positionals.find((name) => !lanes.some((lane) => lane.name === name))
  if (unknown !== undefined) {
    say(`unknown lane: ${unknown}; --list names them`)
    process.exitCode = USAGE_ERROR
    return
  }
  installSuites()
  const node = suiteNode(values.node)
  let passed = 0
  let failed = 0
  row(['lane', 'scenarios', 'no verdict', 'passed', 'failed', 'expected'])
  for (const lane of lanes.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
    const notes = []
    try {
      const result = await runUntilSure(lane, node)
      row([lane.name, result.scenarios, result.silent, result.passed, result.unexpected.length, result.expected.length])
      for (const note of result.unstable) say(`  unstable, failed once and passed with longer timers: ${note}`)
      notes.push(...result.notes)
      passed += result.passed
    } catch (error) {
      row([lane.name, '-', '-', '-', '-', '-'])
      notes.push(error instanceof Error ? error.message : String(error))
    }
    failed += notes.length
    for (const note of notes) say(`  ${note}`)
  }
  say(`${passed} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
}

await main()
