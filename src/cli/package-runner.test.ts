import { expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { isUnderRunner, runnersAbove, watchEnd } from './package-runner.ts'
import { openProcessTable, type ProcessEntry, type ProcessTable, psTable } from './process-table.ts'

/** A table of processes, each the child of the one before it; ids count from 10. */
function line(...commands: ReadonlyArray<string | [command: string, session: number]>): ProcessTable {
  const entries = commands.map((words, at): ProcessEntry => {
    const [command, session] = typeof words === 'string' ? [words, 1] : words
    return { pid: 10 + at, parent: 9 + at, started: '1', session, command }
  })
  return { find: (pid) => entries.find((entry) => entry.pid === pid), runs: () => true }
}

const own = 'node /x/mcplex serve -- npx server'
const above = (table: ProcessTable, depth: number): string[] =>
  runnersAbove(9 + depth, table).map(({ command }) => command)

test.each([
  ['npm exec mcplex serve -- npx server'],
  ['npm run dev'],
  ['npm'],
  ['node /usr/lib/node_modules/npm/bin/npx-cli.js mcplex'],
  ['/usr/bin/node --no-warnings /usr/lib/node_modules/npm/bin/npm-cli.js exec mcplex'],
  ['node /usr/local/bin/pnpm dlx mcplex'],
  ['node /home/me/.yarn/releases/yarn.cjs run mcplex'],
  ['/root/.bun/bin/bunx mcplex'],
])('%s is a package runner', (command) => {
  expect(above(line('init', command, `sh -c 'mcplex' serve`, own), 4)).toEqual([`sh -c 'mcplex' serve`, command])
})

test.each([['bash'], ['node /x/npm-watcher/cli.js'], ['node server.js npm'], ['vim npm'], ['']])(
  '%j is none',
  (command) => {
    expect(above(line('init', command, 'sh', own), 4)).toEqual([])
  },
)

test('a runner that starts us without a shell is watched alone', () => {
  expect(above(line('npm exec mcplex', own), 2)).toEqual(['npm exec mcplex'])
})

test('a runner above another runner is watched, too', () => {
  const table = line('bash', 'npm start', 'sh -c npx', 'npm exec mcplex', 'sh -c mcplex', own)
  expect(above(table, 6)).toEqual(['sh -c mcplex', 'npm exec mcplex', 'sh -c npx', 'npm start'])
})

test('runners in another session are ignored: setsid, an editor with a terminal', () => {
  expect(above(line('npm run editor', ['bash', 2], [own, 2]), 3)).toEqual([])
  expect(above(line('npm run daemon', 'sh -c', ['setsid mcplex', 3]), 3)).toEqual([])
})

test('a chain that is broken or runs in circles ends the search', () => {
  expect(runnersAbove(77, line('npm', own))).toEqual([])
  const loop: ProcessEntry = { pid: 5, parent: 5, started: '1', session: 1, command: 'x' }
  expect(runnersAbove(5, { find: () => loop })).toEqual([])
})

test('a runner is searched for only if the environment has its variables', () => {
  expect(isUnderRunner({ npm_command: 'exec' })).toBe(true)
  expect(isUnderRunner({ npm_config_user_agent: 'pnpm/10.0.0' })).toBe(true)
  expect(isUnderRunner({ PATH: '/bin', npm_command: '' })).toBe(false)
})

test('the first end is reported once, within half a second; without a runner there is no timer', () => {
  const clock = manualClock()
  const [a, b] = [10, 11].map((pid): ProcessEntry => ({ pid, parent: 1, started: '1', session: 1, command: '' }))
  if (!a || !b) throw new Error('two entries')
  const gone = new Set<ProcessEntry>()
  let [ends, looks] = [0, 0]
  const table = { runs: (entry: ProcessEntry) => (looks++, !gone.has(entry)) }
  watchEnd([a, b], table, clock, () => ends++)
  clock.advance(60_000)
  expect(ends).toBe(0)
  gone.add(b)
  clock.advance(500)
  gone.add(a)
  clock.advance(60_000)
  expect(ends).toBe(1)
  looks = 0
  watchEnd([], table, clock, () => ends++)
  clock.advance(60_000)
  expect([ends, looks]).toEqual([1, 0])
})

test('ps and /proc give the same entry for a process', () => {
  const [proc, ps] = [openProcessTable(), psTable()].map((table) => table.find(process.pid))
  expect(ps).toMatchObject({ pid: process.pid, parent: process.ppid })
  expect(ps?.started).toMatch(/^\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4}$/)
  expect(proc?.command.split(' ')[0]).toBe(ps?.command.split(' ')[0])
})

test('a process that has ended does not run, even if its id is reused', () => {
  const table = openProcessTable()
  const self = table.find(process.pid)
  if (!self) throw new Error('this process is there')
  expect(table.runs(self)).toBe(true)
  expect(table.runs({ ...self, started: '1' })).toBe(false)
  expect(table.runs({ ...self, pid: 2 ** 30 })).toBe(false)
  expect(psTable().runs(self)).toBe(true)
  expect(psTable().runs({ ...self, pid: 2 ** 30 })).toBe(false)
})
