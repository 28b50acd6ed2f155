/**
 * `npm run check`: every check that needs no running mcplex, all of them even if one fails.
 * `npm run check -- lint architecture` runs those named.
 */
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

/** Two at a time; the slow ones first. */
const checks = {
  lint: ['oxlint', '--type-aware', '--deny-warnings', '--report-unused-disable-directives'],
  types: ['tsc', '-p', 'tsconfig.json'],
  unused: ['knip', '--no-progress', '--treat-config-hints-as-errors'],
  format: ['prettier', '--check', '--log-level', 'warn', '.'],
  architecture: ['node', 'scripts/check-architecture.mjs'],
  docs: ['node', 'scripts/print-docs.mjs', '--check'],
  documents: ['node', 'scripts/check-documents.mjs'],
  package: ['publint', 'run', '--strict'],
}

const named = process.argv.slice(2)
const unknown = named.filter((name) => !Object.hasOwn(checks, name))
if (unknown.length > 0) {
  console.error(`check: no check named ${unknown.join(', ')}; there are ${Object.keys(checks).join(', ')}`)
  process.exit(2)
}

// `docs`, `documents` and `package` read the build. When it fails, `types` says why.
spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs'), '--if-stale'], { stdio: 'ignore' })

const waiting = named.length > 0 ? named : Object.keys(checks)
const failed = []
await Promise.all([work(), work()])
console.log(failed.length === 0 ? 'check: all well' : `check: failed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1

async function work() {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const started = performance.now()
    const { code, output } = await run(checks[name])
    if (code !== 0) failed.push(name)
    console.log(`${code === 0 ? 'ok  ' : 'FAIL'} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`)
    if (code !== 0) console.log(output)
  }
}

/** Runs a command with what it printed in the order it came. */
function run([command, ...args]) {
  const path = `${join(root, 'node_modules', '.bin')}:${process.env.PATH}`
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, PATH: path },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const chunks = []
  child.stdout.on('data', (chunk) => chunks.push(chunk))
  child.stderr.on('data', (chunk) => chunks.push(chunk))
  return new Promise((resolve) => {
    const end = (code) => resolve({ code, output: Buffer.concat(chunks).toString() })
    child.on('error', (error) => {
      chunks.push(Buffer.from(`${command}: ${error.message}\n`))
      end(1)
    })
    child.on('close', end)
  })
}
