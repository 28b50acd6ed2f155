/** The reaper: what ends it and what does not, and that it finds everything once mcplex is gone. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { silentLog } from '../src/base/log.ts'
import { createContainment } from '../src/upstreams/stdio/containment.ts'
import { reaperProgram } from '../src/upstreams/stdio/reaper-program.ts'
import { startParent } from './children/parent.ts'
import { descendantsOf, gatewayOf, markedBy, namesOf, reapersOf, runs, stateOf, until } from './children/processes.ts'
import { type Nursery, openNursery, quickClock } from './children/recorded.ts'

let nursery: Nursery
beforeEach(() => void (nursery = openNursery(false)))
afterEach(() => nursery.end())

/** A leader in the group, and a process in a session of its own; both ignore SIGTERM. The ids of both. */
const family = `trap '' TERM; setsid sh -c 'echo $$; exec sleep 60' & echo $$; echo ready; while :; do sleep 60; done`

const oneReaperOf = (pid: number): number => reapersOf(gatewayOf(pid))[0] ?? 0

/** All processes that this one has started, and those that they have. */

describe('the reaper', () => {
  test('is not found by the name of mcplex, nor among its descendants', async () => {
    const parent = await startParent(family)
    const reaper = oneReaperOf(parent.family[0] ?? 0)
    expect(namesOf(reaper)).not.toMatch(/mcplex/i)
    expect(namesOf(reaper)).toContain('reaper')
    expect(descendantsOf(parent.pid)).not.toContain(reaper)
  })

  test('survives a kill of mcplex with all its descendants, and ends the processes that remain', async () => {
    const orphan = `(setsid sh -c 'trap "" TERM; echo $$; echo ready; while :; do sleep 60; done' &); sleep 60`
    const parent = await startParent(orphan)
    const [stray = 0] = parent.family
    const tree = [parent.pid, ...descendantsOf(parent.pid)]
    expect(tree).not.toContain(stray)
    for (const pid of tree) process.kill(pid, 'SIGKILL')
    await until('the stray is gone', () => !runs(stray))
  })

  test('ignores the signals that a terminal, a supervisor or a person sends', async () => {
    const parent = await startParent(family)
    const reaper = oneReaperOf(parent.family[0] ?? 0)
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU'] as const) {
      process.kill(reaper, signal)
    }
    process.kill(parent.pid, 'SIGKILL')
    await until('all are gone', () => ![...parent.family, reaper].some(runs))
  })

  test('that dies is replaced, and the new one knows every child', async () => {
    const parent = await startParent(family)
    const gateway = gatewayOf(parent.family[0] ?? 0)
    const [first = 0] = reapersOf(gateway)
    process.kill(first, 'SIGKILL')
    await until('another reaper', () => reapersOf(gateway).some((reaper) => reaper !== first))
    process.kill(parent.pid, 'SIGKILL')
    await until('all are gone', () => !parent.family.some(runs))
  })

  test('that is stopped does its work when it goes on', async () => {
    const parent = await startParent(family)
    const reaper = oneReaperOf(parent.family[0] ?? 0)
    process.kill(reaper, 'SIGSTOP')
    await until('it is stopped', () => stateOf(reaper) === 'T')
    process.kill(parent.pid, 'SIGKILL')
    await until('the parent is gone', () => !runs(parent.pid))
    expect(parent.family.every(runs)).toBe(true)
    process.kill(reaper, 'SIGCONT')
    await until('all are gone', () => !parent.family.some(runs))
  })

  test('that is stopped is replaced when it leaves unanswered what it is told', async () => {
    const told: string[] = []
    const log = { ...silentLog, warn: (_: object, message: string) => void told.push(message) }
    const containment = createContainment({ clock: quickClock, log, mayUseControlGroups: false })
    onTestFinished(() => containment.close())
    const child = nursery.sh(family, { containment })
    const members = (await child.seen(3)).map(Number).filter(Boolean)
    const gateway = gatewayOf(child.child.pid ?? 0)
    const [first = 0] = reapersOf(gateway)
    process.kill(first, 'SIGSTOP')
    await until('it is stopped', () => stateOf(first) === 'T')
    nursery.sh('cat > /dev/null', { containment })
    await until('another reaper', () => reapersOf(gateway).some((reaper) => reaper !== first))
    expect(runs(first)).toBe(false)
    expect(members.every(runs)).toBe(true)
    expect(told).toEqual(['the reaper of child processes ended'])
  })

  test('ends with mcplex if both are killed; servers then see their input close', async () => {
    const parent = await startParent(`echo $$; echo ready; cat > /dev/null`)
    const reaper = oneReaperOf(parent.family[0] ?? 0)
    process.kill(parent.pid, 'SIGSTOP')
    process.kill(reaper, 'SIGKILL')
    process.kill(parent.pid, 'SIGKILL')
    await until('all are gone', () => ![...parent.family, reaper].some(runs))
  })

  test('ends 200 servers and what each has started in a session of its own', async () => {
    const script = `setsid sleep 60 & echo $$; echo ready; exec sleep 60`
    const parent = await startParent(script, { children: 200 })
    const gateway = gatewayOf(parent.family[0] ?? 0)
    await until('all strays are there', () => markedBy(gateway).length === 400)
    process.kill(parent.pid, 'SIGKILL')
    await until('all are gone', () => markedBy(gateway).length === 0)
  })
})

const shells = [['/bin/sh'], ['/bin/bash', '--posix'], ['/bin/busybox', 'sh']].filter(([shell = '']) =>
  existsSync(shell),
)
const usual = ['grep', 'sleep']

test.each([...shells.map((shell) => ({ shell, programs: usual })), { shell: ['/bin/sh'], programs: ['sleep'] }])(
  'its program finds group and stray, run by $shell, with $programs',
  async ({ shell, programs }) => {
    const folder = mkdtempSync(join(tmpdir(), 'mcplex-reaper-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    for (const program of programs) symlinkSync(`/usr/bin/${program}`, join(folder, program))
    const listed = nursery.sh(family)
    const unlisted = nursery.sh(family)
    const all = [...(await listed.seen(3)), ...(await unlisted.seen(3))].map(Number).filter(Boolean)
    const leader = listed.child.pid ?? 0
    const [command = '', ...args] = shell
    const started = spawn(command, [...args, '-c', reaperProgram, 'reaper', String(leader)], {
      detached: true,
      env: { PATH: folder, NAME: 'MCPLEX_WORKER', ID: gatewayOf(leader), FOLDER: '' },
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    })
    expect(all.every(runs)).toBe(true)
    started.stdio[3]?.destroy()
    await until('all are gone', () => !all.some(runs))
  },
)
