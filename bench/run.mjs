// Runs the bench: `node bench/run.mjs [scenario...] [--quick] [--profile]`.
// Prints a line per goal as it is reached or missed, and writes every raw value to bench/results/.
// Exits 1 when a scenario could not run or an answer was foreign, wrong, lost or missing; a missed goal is told, not failed:
// numbers belong to the machine they were taken on.

import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createCalm } from './lib/quiet-machine.mjs'
import { descendantsOf, fileLimit, machineWords, placement } from './lib/machine.mjs'
import { printProfile } from './lib/profile.mjs'
import { createReport } from './lib/report.mjs'
import { generator, program, servers } from './lib/servers.mjs'

const names = [
  'call',
  'bridge',
  'list',
  'session',
  'idle',
  'crowd',
  'memory',
  'streams',
  'field',
  'several',
  'module',
  'guarded',
  'knee',
  'fair',
  'hostile',
  'identity',
]
const args = process.argv.slice(2)
const known = new Set([...names, '--quick', '--profile'])
const unknown = args.filter((arg) => !known.has(arg))
if (unknown.length > 0) {
  console.error(
    `unknown: ${unknown.join(' ')}\nusage: node bench/run.mjs [${names.join('|')}...] [--quick] [--profile]`,
  )
  process.exit(2)
}
const quick = args.includes('--quick')
const profiling = args.includes('--profile')
const chosen = names.filter((name) => args.includes(name))

const here = fileURLToPath(new URL('.', import.meta.url))
const results = `${here}results`
const place = placement()
const report = createReport()
const load = generator(place)
const open = []
const tracked = Object.fromEntries(
  Object.entries(servers(place)).map(([name, start]) => [
    name,
    async (...rest) => {
      const server = await start(...rest)
      open.push(server)
      return server
    },
  ]),
)

function commit() {
  const git = (...words) =>
    execFileSync('git', words, { encoding: 'utf8', cwd: here, stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--', '../src') === '' ? '' : '-dirty')
  } catch {
    return 'unknown'
  }
}

const profiles = new Map()
/** Options that make a server leave a CPU profile, when one was asked for. */
function profile(title) {
  if (!profiling) return {}
  const folder = `${results}/profile-${title}`
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  profiles.set(title, folder)
  return { profileTo: folder }
}

// Everything below this process is ours: the generators, the servers and their children.
const calm = createCalm(() => [process.pid, ...descendantsOf(process.pid)], 8, quick ? 60_000 : 600_000)

const context = {
  servers: tracked,
  ask: load.ask,
  calm,
  generator: () => generator(place),
  program: (name) => program(place, name),
  report,
  profile,
  quick,
  rounds: quick || profiling ? 1 : 3,
  fileLimit: fileLimit(),
  async closeAll() {
    for (const server of open.splice(0)) {
      await server.stop()
      if (server.talk() !== '')
        console.log(`  ${server.name} said: ${server.talk().split('\n').slice(0, 3).join(' | ')}`)
    }
  },
}

const at = commit()
console.log(
  `mcplex ${at}${quick ? ', quick: one short round, not to be quoted' : ''}${profiling ? ', profiled: slower than it is' : ''}`,
)
console.log(machineWords())
console.log(place.words)
console.log('')

let failed = false
for (const name of chosen.length === 0 ? names : chosen) {
  const scenario = await import(`./scenarios/${name}.mjs`)
  console.log(`${name}: ${scenario.about}`)
  try {
    await scenario.default(context)
  } catch (error) {
    failed = true
    console.log(`  ${name} could not run: ${error.message}`)
    await context.closeAll()
  }
  console.log('')
}
const noise = Math.round(calm.worst * 100)
console.log(
  `others had at most ${noise} % of the machine in what was counted${noise > 10 ? ': NOT QUIET, tails are not ours alone' : ''}`,
)
for (const [title, folder] of profiles) printProfile(title, folder)

const stamp = new Date().toISOString().slice(0, 19).replaceAll(':', '')
report.write(results, `${stamp}-${at}${quick ? '-quick' : ''}`)
const missed = report.lines.filter(({ verdict }) => verdict === 'MISS')
const judged = report.lines.filter(({ verdict }) => verdict !== '')
console.log(
  `${judged.length - missed.length} of ${judged.length} goals reached; raw values in bench/results/${stamp}-${at}*`,
)
const impure = missed.some(({ what }) => what.startsWith('foreign'))
process.exit(failed || impure ? 1 : 0)
