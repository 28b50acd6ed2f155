/** Starts that fail because the machine is out of processes or files, and what many starts and ends leave behind. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { startParent } from './children/parent.ts'
import { allChildrenOf, runs, stateOf, until } from './children/processes.ts'
import { type Nursery, openNursery } from './children/recorded.ts'

let nursery: Nursery
beforeEach(() => void (nursery = openNursery(false)))
afterEach(() => nursery.end())

/** Limits on processes do not hold for root. */
const asSomebody = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : []

test.each([
  ['files', 'EMFILE', 'nofile'],
  ['processes', 'EAGAIN', 'nproc'],
])('with too many %s, a start is told as one that failed, and a later one succeeds', async (_, code, limit) => {
  const parent = await startParent('echo ready; exec sleep 60', { before: asSomebody })
  const prlimit = (...options: string[]): string => {
    const [command = '', ...args] = [...asSomebody, 'prlimit', '--pid', String(parent.pid), ...options]
    return execFileSync(command, args, { encoding: 'utf8' }).trim()
  }
  const before = prlimit(`--${limit}`, '--raw', '--noheadings', '-o', 'SOFT')
  const setLimit = (soft: string): void => void prlimit(`--${limit}=${soft}:`)
  setLimit('1')
  process.kill(parent.pid, 'SIGUSR2')
  await until('the failure is told', () => parent.lines().includes(`not started: ${code}`))
  setLimit(before)
  process.kill(parent.pid, 'SIGUSR2')
  await until('another one is ready', () => parent.lines().filter((line) => line === 'ready').length === 2)
  process.kill(parent.pid, 'SIGKILL')
  await until('the parent is gone', () => !runs(parent.pid))
})

test('a file that may not be run, and one that does not exist, are failed starts', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-scarce-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'program')
  writeFileSync(file, '#!/bin/sh\n')
  chmodSync(file, 0o644)
  expect(await nursery.start(file, []).exit()).toMatchObject({ error: 'EACCES' })
  expect(await nursery.start(folder, []).exit()).toMatchObject({ error: 'EACCES' })
  chmodSync(file, 0o755)
  writeFileSync(file, '#!/no/such/interpreter\n')
  expect(await nursery.start(file, []).exit()).toMatchObject({ error: 'ENOENT' })
})

describe('two hundred starts and ends, with strays and with crashes,', () => {
  test('leave no zombie, no descriptor and no process', async () => {
    const round = async (count: number): Promise<void> => {
      const script = `setsid sleep 60 & echo $!; cat > /dev/null`
      const many = Array.from({ length: count }, () => nursery.sh(script))
      await Promise.all(many.map((each) => each.seen(1)))
      for (const [at, { child }] of many.entries()) if (at % 3 === 0) child.kill()
      await Promise.all(many.map(({ child }) => child.close()))
    }
    const descriptors = (): number => readdirSync('/proc/self/fd').length
    await round(4)
    const [files, children] = [descriptors(), allChildrenOf(process.pid).length]
    for (let turn = 0; turn < 5; turn++) await round(40)
    expect(allChildrenOf(process.pid).filter((pid) => stateOf(pid) === 'Z')).toEqual([])
    expect(allChildrenOf(process.pid).length).toBe(children)
    await until('no descriptor is left', () => descriptors() <= files)
  })
})

describe('the end of a child', () => {
  test('that floods stderr meanwhile is told, and what it said is bounded', async () => {
    const child = nursery.sh(`trap '' TERM; echo ready; while :; do echo some words to be dropped >&2; done`)
    await child.seen(1)
    const before = process.memoryUsage().rss
    await child.child.close()
    expect(await child.exit()).toMatchObject({ signal: 'SIGKILL', expected: true })
    expect(child.exits[0]?.stderr.length).toBeLessThanOrEqual(4096)
    expect(process.memoryUsage().rss - before).toBeLessThan(80 * 1024 * 1024)
  })

  test('is told though a stray floods the pipes that it has inherited, and the stray is ended', async () => {
    const flood = `setsid sh -c 'echo $$; while :; do echo flood; echo flood >&2; done' & cat > /dev/null`
    const child = nursery.sh(flood)
    const [stray] = await child.seen(1)
    await child.child.close()
    expect(await child.exit()).toMatchObject({ code: 0, expected: true })
    expect(runs(Number(stray))).toBe(false)
  })

  test('that closed its output, but left a stray with it, is complete', async () => {
    const child = nursery.sh(`setsid sh -c 'echo $$; exec sleep 60' & sleep 0.2; exec >&- 2>&-; exec sleep 60`)
    const [stray] = await child.seen(1)
    // The stray holds the pipe open, so nothing tells that the server has closed it: its owner asks for the end.
    expect(child.child.exited).toBe(false)
    await child.child.close()
    expect(runs(Number(stray))).toBe(false)
    expect(await child.exit()).toMatchObject({ signal: 'SIGTERM', expected: true })
  })
})
