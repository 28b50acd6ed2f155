// Runs one suite against a URL and reads what it found.
//
// Promises: a scenario that broke off without a verdict counts as one failed check; the process is ended, by its id,
// after a deadline. Leaves the judgement, which failures are expected, to `baseline.mjs`.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const DEADLINE_MS = 600_000

/**
 * @typedef {object} Check
 * @property {string} scenario
 * @property {string} id
 * @property {boolean} passed
 * @property {string} message
 */

/**
 * @param {object} run
 * @param {string} run.node      to run the suite on
 * @param {string} run.main      of the suite
 * @param {string} run.url
 * @param {string[]} run.selects
 * @param {string} run.folder    for its findings and its talk: must hold none of an earlier run
 * @param {boolean} run.isH2     whether its requests are to go over HTTP/2
 * @param {boolean} run.isAgain  whether its timers are to last longer
 * @returns {Promise<{ scenarios: number, checks: Check[], fetched: number }>} `fetched`: requests, told over HTTP/2 only
 */
export async function runSuite({ node, main, url, selects, folder, isH2, isAgain }) {
  const findings = join(folder, 'scenarios')
  const count = join(folder, 'fetched.txt')
  const preload = [...(isAgain ? ['./longer-timers.mjs'] : []), ...(isH2 ? ['./over-h2.mjs'] : [])].flatMap((path) => [
    '--import',
    import.meta.resolve(path),
  ])
  const child = spawn(node, [...preload, main, 'server', '--url', url, ...selects, '--output-dir', findings], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...(isH2 && { MCPLEX_FETCHED: count }) },
  })
  let talk = ''
  const keep = (/** @type {string} */ text) => (talk += text)
  child.stdout.setEncoding('utf8').on('data', keep)
  child.stderr.setEncoding('utf8').on('data', keep)
  const timer = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS)
  const [code, signal] = await once(child, 'close')
  clearTimeout(timer)
  writeFileSync(join(folder, 'talk.txt'), talk)
  if (signal !== null) throw new Error(`the suite did not end within ${DEADLINE_MS / 1000} s`)
  const scenarios = existsSync(findings) ? readdirSync(findings) : []
  if (scenarios.length === 0) throw new Error(`the suite ran nothing (exit code ${code}):\n${talk}`)
  const checks = scenarios.flatMap((name) => readChecks(findings, name))
  return { scenarios: scenarios.length, checks, fetched: existsSync(count) ? Number(readFileSync(count, 'utf8')) : 0 }
}

/**
 * @param {string} findings
 * @param {string} folder  named `server-<scenario>-<time>`
 * @returns {Check[]}
 */
function readChecks(findings, folder) {
  const scenario = folder.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, '')
  const path = join(findings, folder, 'checks.json')
  if (!existsSync(path)) return [{ scenario, id: scenario, passed: false, message: 'broke off without a verdict' }]
  return JSON.parse(readFileSync(path, 'utf8'))
    .filter(({ status }) => ['SUCCESS', 'FAILURE', 'WARNING'].includes(status))
    .map(({ id, status, errorMessage }) => ({
      scenario,
      id,
      passed: status === 'SUCCESS',
      message: errorMessage ?? '',
    }))
}
