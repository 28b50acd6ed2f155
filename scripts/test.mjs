/**
 * `npm test`: everything. Builds if the build is stale, runs vitest (units and journeys) and the conformance suites,
 * and ends with the plain line `N passed, N failed`. `npm test -- <path>` hands its arguments to vitest and runs
 * nothing else.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { installSuites } from '../conformance/install.mjs'

const root = join(import.meta.dirname, '..')
const forVitest = process.argv.slice(2)
/** If more files than this fail, it is no chance. */
const mostRunAgain = 3
/** How many of the files that took longest are named. */
const slowestNamed = 15

const build = await run('build', ['scripts/build.mjs', '--if-stale'])
// Tests that were asked for by name may not need the part that does not compile.
if (build.code !== 0 && forVitest.length === 0) {
  console.log('0 passed, 1 failed')
  process.exit(1)
}
// Some tests, and the suites, run on the newer Node of the packages there.
installSuites()
const parts = [await testsOf(forVitest)]
if (forVitest.length === 0) parts.push(await conformance())

const passed = parts.reduce((sum, part) => sum + part.passed, 0)
const failed = parts.reduce((sum, part) => sum + part.failed, 0)
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

/**
 * Runs the tests. Some of them measure a whole machine, which other work can disturb: if a few files fail in a run of all,
 * those files are run again, alone. What passes then is named as unstable, to be mended, and counts as passed; what fails
 * twice has failed.
 */
async function testsOf(args) {
  const first = await vitest(args)
  if (args.length === 0) for (const { name, seconds } of first.slowest) console.log(`slow: ${seconds} s ${name}`)
  if (
    args.length > 0 ||
    first.failed === 0 ||
    first.failedFiles.length === 0 ||
    first.failedFiles.length > mostRunAgain
  )
    return first
  console.log(`\nrun again, alone: ${first.failedFiles.join(' ')}`)
  const again = await vitest(['--maxWorkers=1', ...first.failedFiles])
  const unstable = first.failedTests.filter((name) => !again.failedTests.includes(name))
  for (const name of unstable) console.log(`unstable, failed beside others and passed alone: ${name}`)
  const ran = first.passed + first.failed
  return { passed: ran - again.failed, failed: again.failed }
}

/** Runs vitest once and counts its tests. Whatever else makes it fail (a file that does not load) counts as one. */
async function vitest(args) {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-test-'))
  try {
    const report = join(folder, 'vitest.json')
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
    const { code } = await run('vitest', ['node_modules/vitest/vitest.mjs', 'run', ...reporters, ...args])
    const counted = readReport(report)
    return code !== 0 && counted.failed === 0 ? { ...counted, failed: 1 } : counted
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function readReport(path) {
  try {
    const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(path, 'utf8'))
    const failedIn = testResults.filter(({ status }) => status === 'failed')
    const failedTests = failedIn.flatMap(({ assertionResults }) =>
      assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
    )
    const failedFiles = failedIn.map(({ name }) => relative(root, name))
    const slowest = testResults
      .map(({ name, startTime, endTime }) => ({
        name: relative(root, name),
        seconds: Math.round((endTime - startTime) / 1000),
      }))
      .sort((one, other) => other.seconds - one.seconds)
      .slice(0, slowestNamed)
    return { passed: numPassedTests, failed: numFailedTests, failedFiles, failedTests, slowest }
  } catch {
    return { passed: 0, failed: 1, failedFiles: [], failedTests: [], slowest: [] }
  }
}

/** Runs the conformance suites; their own last line `N passed, N failed` is the count. */
async function conformance() {
  const { code, total } = await run('conformance', ['conformance/run.mjs'])
  const counted = total ?? { passed: 0, failed: 0 }
  return code !== 0 && counted.failed === 0 ? { ...counted, failed: 1 } : counted
}

/** Runs a program of node and passes on what it prints, but for its total, which is told apart from ours. */
function run(name, args) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  let total
  createInterface({ input: child.stdout }).on('line', (line) => {
    const match = /^(\d+) passed, (\d+) failed$/.exec(line)
    if (match) total = { passed: Number(match[1]), failed: Number(match[2]) }
    console.log(match ? `${name}: ${line}` : line)
  })
  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`${name}: ${error.message}`)
      resolve({ code: 1, total })
    })
    child.on('close', (code) => resolve({ code: code ?? 1, total }))
  })
}
