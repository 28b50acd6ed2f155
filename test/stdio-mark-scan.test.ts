/** The look through all processes: what it shares, what it costs, and what cannot spoil it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../src/base/clock.ts'
import { silentLog } from '../src/base/log.ts'
import { createMarkScan } from '../src/upstreams/stdio/marked-processes.ts'
import { createMarks } from '../src/upstreams/stdio/worker-mark.ts'
import { quickClock } from './children/recorded.ts'
import { inTime } from './support/eventually.ts'

const common = { clock: systemClock, log: silentLog }

/** Processes that sleep, each with such an environment; they end with the test. */
function sleepers(environments: ReadonlyArray<Readonly<Record<string, string>>>): number[] {
  const started = environments.map((env): ChildProcess => spawn('/bin/sleep', ['60'], { env, stdio: 'ignore' }))
  onTestFinished(() => void started.map((child) => child.kill('SIGKILL')))
  return started.map(({ pid }) => pid ?? 0)
}

test('marked processes are found by worker, whatever else is in their environments', async () => {
  const marks = createMarks()
  const large = { LARGE: 'x'.repeat(100_000), ALSO: 'MCPLEX_WORKER='.repeat(3_000) }
  const [first, second, third] = sleepers([
    { ...large, ...marks.variableOf(1) },
    { ...marks.variableOf(1), ...large },
    { ...large, ...marks.variableOf(2) },
    { ...large, ...createMarks().variableOf(1) },
  ])
  const { marked: found } = await createMarkScan({ marks, ...common }).next()
  expect([...found.keys()].toSorted()).toEqual([1, 2])
  expect(
    found
      .get(1)
      ?.map(({ pid }) => pid)
      .toSorted(),
  ).toEqual([first, second].toSorted())
  expect(found.get(2)?.map(({ pid }) => pid)).toEqual([third])
})

test('a thousand requests at once cost two scans, and each is answered by a scan that began after it', async () => {
  const marks = createMarks()
  const scan = createMarkScan({ marks, ...common })
  const before = scan.next()
  await new Promise((resolve) => setImmediate(resolve))
  const [pid] = sleepers([marks.variableOf(7)])
  const answers = await Promise.all(Array.from({ length: 1000 }, () => scan.next()))
  expect(new Set(answers.map(({ marked }) => marked.get(7)?.[0]?.pid))).toEqual(new Set([pid]))
  await before
  expect(scan.scans).toBeLessThanOrEqual(2)
})

test('the event loop does not wait for a look through hundreds of processes', async () => {
  const marks = createMarks()
  const large = { LARGE: 'x'.repeat(20_000) }
  sleepers(Array.from({ length: 500 }, (_, at) => ({ ...large, ...marks.variableOf(at % 10) })))
  const scan = createMarkScan({ marks, ...common })
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const { marked: found } = await scan.next()
  delay.disable()
  expect([...found.values()].flat()).toHaveLength(500)
  expect(delay.max / 1e6, 'five times what is promised').toBeLessThan(250)
})

test('files that block are passed over until they were read, by this look and by later ones', async () => {
  const marks = createMarks()
  const [pid = 0] = sleepers([marks.variableOf(3)])
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-proc-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  symlinkSync(`/proc/${pid}`, join(folder, String(pid)))
  // The one before and the one after in any order of names; opening a pipe without a writer blocks.
  const pipes = ['1', String(2 ** 30)].map((name) => {
    mkdirSync(join(folder, name))
    const pipe = join(folder, name, 'environ')
    execFileSync('mkfifo', [pipe])
    return pipe
  })
  // Neither a process nor its file.
  mkdirSync(join(folder, 'self'))
  mkdirSync(join(folder, '5'))
  const told: unknown[] = []
  const log = { ...silentLog, warn: (fields: object) => void told.push(fields) }
  const scan = createMarkScan({ marks, clock: quickClock, log, folder })
  const looks = [await inTime('a look', scan.next()), await inTime('another', scan.next())]
  for (const { marked } of looks) expect(marked.get(3)?.map((one) => one.pid)).toEqual([pid])
  expect(told).toHaveLength(1)
  for (const pipe of pipes) {
    writeFileSync(pipe, '')
    rmSync(pipe)
  }
  const after = await inTime('one more', scan.next())
  expect(after.marked.get(3)).toHaveLength(1)
  expect(told).toHaveLength(1)
})

test('where there are no processes to be seen, nothing is found, and nothing fails', async () => {
  const scan = createMarkScan({ marks: createMarks(), ...common, folder: '/no/such/folder' })
  expect((await scan.next()).marked.size).toBe(0)
})
