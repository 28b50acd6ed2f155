/** How a process enters the control group of its worker: on a folder that looks like a group, with real processes. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../src/base/clock.ts'
import { silentLog } from '../src/base/log.ts'
import { createMemoryBudget } from '../src/base/memory-budget.ts'
import { type Containment, createContainment } from '../src/upstreams/stdio/containment.ts'
import { enforcedByGroups } from '../src/upstreams/stdio/control-group-limits.ts'
import { enteringCommand } from '../src/upstreams/stdio/entering-command.ts'
import { spawnChild } from '../src/upstreams/stdio/spawn.ts'
import type { WorkerExit } from '../src/upstreams/worker-exit.ts'
import { environmentOf, gatewayOf, reapersOf, until } from './children/processes.ts'

const path = process.env['PATH'] ?? ''

/** A group as the kernel shows it. */
function fakeGroup(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-group-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const files = {
    'cgroup.type': 'domain\n',
    'cgroup.kill': '',
    'cgroup.procs': '',
    'cgroup.subtree_control': '',
    'cgroup.controllers': 'cpu memory pids\n',
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

interface Started {
  readonly pid: number
  readonly lines: string[]
  readonly exits: WorkerExit[]
}

function start(
  containment: Containment,
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Started {
  const child = spawnChild(
    { command, args, env: { PATH: path, ...env }, cwd: undefined },
    {
      clock: systemClock,
      log: silentLog,
      events: { emit() {} },
      containment,
      memory: createMemoryBudget(Infinity),
      maxLineBytes: 1 << 20,
      purpose: 'test',
    },
  )
  onTestFinished(() => child.kill())
  const [lines, exits]: [string[], WorkerExit[]] = [[], []]
  child.listen({ line: (text) => void lines.push(text), exit: (exit) => void exits.push(exit), dropped() {} })
  return { pid: child.pid ?? 0, lines, exits }
}

function contained(ownGroup: string, limits: object = {}): Containment {
  const containment = createContainment({ clock: systemClock, log: silentLog, limits, ownGroup })
  onTestFinished(() => containment.close())
  return containment
}

/** What is written to the group of a worker. */
const membersIn = (group: string, gateway: string, worker: number): string =>
  readFileSync(join(group, `mcplex-${gateway.slice(0, 16)}`, String(worker), 'cgroup.procs'), 'utf8')

test('a process enters its group before its program runs, with exactly the environment that it is given', async () => {
  const group = fakeGroup()
  const containment = contained(group)
  const entered = `cat ${group}/mcplex-*/1/cgroup.procs; echo ready; cat > /dev/null`
  const { lines } = start(containment, 'sh', ['-c', entered])
  await until('it is ready', () => lines.includes('ready'))
  expect(lines[0], 'who writes a zero moves itself').toBe('0')

  const given = { EMPTY: '', QUOTED: `it's "$HOME" \\ \t`, LC_ALL: 'C' }
  const whole = start(containment, process.execPath, ['-e', 'console.log(process.pid); process.stdin.resume()'], given)
  await until('it runs', () => whole.lines.includes(String(whole.pid)))
  const mark = environmentOf(whole.pid).find((variable) => variable.startsWith('MCPLEX_WORKER='))
  const expected = Object.entries({ PATH: path, ...given }).map(([name, value]) => `${name}=${value}`)
  // Some shells say in `_` what they have started.
  const found = environmentOf(whole.pid).filter((variable) => !variable.startsWith('_='))
  expect(found.toSorted()).toEqual([...expected, mark].toSorted())
})

test('a process with a variable that a shell would change or drop gets it all the same, and is moved', async () => {
  const group = fakeGroup()
  const containment = contained(group)
  for (const [at, env] of [{ 'A.B': '1' }, { IFS: 'x' }, { PPID: '7' }].entries()) {
    const { pid, lines } = start(containment, process.execPath, ['-e', 'console.log(1); process.stdin.resume()'], env)
    await until('it runs', () => lines.length > 0)
    const [[name, value] = []] = Object.entries(env)
    expect(environmentOf(pid)).toContain(`${name}=${value}`)
    await until('it is moved', () => membersIn(group, gatewayOf(pid), at + 1) === String(pid))
  }
})

test('a program that is not there is told of by the system, and not by a shell', async () => {
  const containment = contained(fakeGroup(), { pids: 64 })
  for (const command of ['mcplex-no-such-program', '/nowhere/at-all', tmpdir()]) {
    const { exits } = start(containment, command, [])
    await until('its end is told', () => exits.length > 0)
    expect(exits[0]?.error, command).toBe(command === tmpdir() ? 'EACCES' : 'ENOENT')
  }
})

test.each([
  [true, 126],
  [false, 0],
])('where the group cannot be entered, a program with limits does not run (%s)', (isLimited, status) => {
  const entering = enteringCommand({ command: 'echo', args: ['ran'], cwd: undefined }, { PATH: path }, isLimited)
  const full = openSync('/dev/full', 'w')
  onTestFinished(() => closeSync(full))
  const ran = spawnSync(entering?.command ?? '', entering?.args ?? [], {
    env: { PATH: path },
    stdio: ['ignore', 'pipe', 'pipe', full],
    encoding: 'utf8',
  })
  expect([ran.status, ran.stdout]).toEqual([status, isLimited ? '' : 'ran\n'])
  expect(ran.stderr).toContain(isLimited ? 'its limits cannot be enforced' : '')
})

test('a server with limits can be added beside one that runs without: its reaper and its processes are ours', async () => {
  const group = fakeGroup()
  const running = start(contained(group), process.execPath, ['-e', 'console.log(1); process.stdin.resume()'])
  await until('it runs', () => running.lines.length > 0)
  const gateway = gatewayOf(running.pid)
  await until('its reaper runs', () => reapersOf(gateway).length > 0)
  const there = [process.pid, running.pid, ...reapersOf(gateway)].map(String)
  writeFileSync(join(group, 'cgroup.procs'), `${there.join('\n')}\n`)
  const added = contained(group, { cpu: 50, pids: 64 })
  expect([...added.enforce()].toSorted()).toEqual(['cpu', 'pids'])
  expect(there).toContain(readFileSync(join(group, 'mcplex-self', 'cgroup.procs'), 'utf8'))
  // A process of others stays where it is, and no limit is promised.
  writeFileSync(join(group, 'cgroup.procs'), `${there.join('\n')}\n4194303\n`)
  writeFileSync(join(group, 'cgroup.subtree_control'), '')
  expect([...enforcedByGroups(group)]).toEqual([])
})
