/** Processes that a worker starts outside of its process group, as browsers are started, end with that worker and no other. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { startParent } from './children/parent.ts'
import { environmentOf, gatewayOf, markedBy, runs, stateOf, until } from './children/processes.ts'
import { type Nursery, openNursery, type Recorded } from './children/recorded.ts'

let nursery: Nursery
beforeEach(() => void (nursery = openNursery(false)))
afterEach(() => nursery.end())

/** Starts `script` in a session of its own; it says its id. */
const detached = (script: string): string => `setsid sh -c 'echo $$; ${script}' &`
/** The same, with a parent that is gone at once. */
const orphaned = (script: string): string => `(setsid sh -c '(setsid sh -c "echo \\$\\$; ${script}" &)' &);`
const sleeps = 'exec sleep 60'
const waits = 'while :; do sleep 60 & wait; done'
const stubborn = `trap : TERM; ${waits}`
/** The leader reads until its input ends. */
const reads = 'cat > /dev/null'

const strayOf = async (child: Recorded): Promise<number> => {
  const [said] = await child.seen(1)
  const stray = Number(said)
  onTestFinished(() => {
    if (runs(stray)) process.kill(stray, 'SIGKILL')
  })
  expect(runs(stray)).toBe(true)
  return stray
}

describe.each([
  ['detached', detached],
  ['without a parent, in the session of a session', orphaned],
])('a process %s', (_, start) => {
  test('is gone when the polite end of its server is through, and that of another server lives', async () => {
    const [ended, other] = [nursery.sh(start(sleeps) + reads), nursery.sh(start(sleeps) + reads)]
    const [stray, another] = [await strayOf(ended), await strayOf(other)]
    await ended.child.close()
    expect([stray, another].map(runs)).toEqual([false, true])
    expect(await ended.exit()).toMatchObject({ code: 0, expected: true })
  })

  test('is ended when its server crashes', async () => {
    const child = nursery.sh(`${start(sleeps)} read line; kill -9 $$`)
    const stray = await strayOf(child)
    child.child.send('crash')
    expect(await child.exit()).toMatchObject({ signal: 'SIGKILL', expected: false })
    await until('the stray is gone', () => !runs(stray))
  })

  test('is killed with its server, whatever it ignores', async () => {
    const child = nursery.sh(start(stubborn) + reads)
    const stray = await strayOf(child)
    child.child.kill()
    await child.child.close()
    expect(runs(stray)).toBe(false)
  })

  test('is ended after kill -9 of the mcplex that started its server', async () => {
    const { pid, family } = await startParent(`${start(`echo ready; ${stubborn}`)} exec sleep 60`)
    const [stray = 0] = family
    expect(runs(stray)).toBe(true)
    process.kill(pid, 'SIGKILL')
    await until('the stray is gone', () => !runs(stray))
  })
})

/** A file for what a stray has to say when the pipes of its server are closed. */
function notes(): { readonly file: string; read(): string } {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-strays-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'notes')
  return { file, read: () => readFileSync(file, 'utf8') }
}

test('one that ignores SIGTERM gets it once, and SIGKILL 3 s later', async () => {
  const { file, read } = notes()
  const child = nursery.sh(detached(`trap "echo term >> ${file}" TERM; ${waits}`) + reads)
  const stray = await strayOf(child)
  await child.child.close()
  expect(runs(stray)).toBe(false)
  expect(read()).toBe('term\n')
})

test('one that ends by itself within the time of the polite end gets no signal', async () => {
  const { file, read } = notes()
  const waitsForEnd = `trap "echo term >> ${file}" TERM; read line < ${file}.end; echo bye >> ${file}`
  const child = nursery.sh(`mkfifo ${file}.end; ${detached(waitsForEnd)} ${reads}; echo > ${file}.end`)
  const stray = await strayOf(child)
  await child.child.close()
  expect(runs(stray)).toBe(false)
  expect(read()).toBe('bye\n')
})

test('a stopped server and a stopped stray process get SIGTERM', async () => {
  const { file, read } = notes()
  const says = (code: number): string => `trap "echo ${code} >> ${file}; exit ${code}" TERM; ${waits}`
  const child = nursery.sh(`${detached(says(6))} ${says(7)}`)
  const stray = await strayOf(child)
  for (const pid of [child.child.pid ?? 0, stray]) {
    process.kill(pid, 'SIGSTOP')
    await until('it is stopped', () => stateOf(pid) === 'T')
  }
  await child.child.close()
  expect(await child.exit()).toMatchObject({ code: 7, signal: null, expected: true })
  expect(read().split('\n').toSorted()).toEqual(['', '6', '7'])
})

test('a process that a stray process starts while it is ended is found, too', async () => {
  // Each of its successors is in a session of its own and does the same, three times over.
  const nest = `spawn() { n=$1; trap "setsid sh -c \\"\\$me\\" sh $((n-1)) & exit" TERM; [ $n -gt 0 ] || trap "" TERM; while :; do sleep 0.05; done; }`
  const child = nursery.sh(`export me='${nest}; spawn $1'; setsid sh -c "$me" sh 3 & echo $!; ${reads}`)
  await strayOf(child)
  const gateway = gatewayOf(child.child.pid ?? 0)
  await child.child.close()
  expect(markedBy(gateway)).toEqual([])
})

/** A stray that says the id of another process of its group, which is not marked and ignores SIGTERM; then its own. */
const withUnmarked = `setsid sh -c 'trap "" TERM; env -i sleep 60 & echo $!; trap - TERM; echo $$; wait' &`

test('a process of its group whose environment was cleared ends with a stray', async () => {
  const child = nursery.sh(withUnmarked + reads)
  const [unmarked = 0, stray = 0] = (await child.seen(2)).map(Number)
  await until('it has started', () => environmentOf(unmarked).length === 0)
  expect([unmarked, stray].map(runs)).toEqual([true, true])
  await child.child.close()
  expect([unmarked, stray].map(runs)).toEqual([false, false])
})

test('the same after kill -9 of what has started the server', async () => {
  const { pid, family } = await startParent(`${withUnmarked} sleep 0.2; echo ready; exec sleep 60`)
  expect(family.map(runs)).toEqual([true, true])
  process.kill(pid, 'SIGKILL')
  await until('both are gone', () => !family.some(runs))
})

describe('many servers that end at once', () => {
  test('cost a few scans at the processes of the machine, and the event loop waits for none', async () => {
    const many = Array.from({ length: 60 }, () => nursery.sh(detached(sleeps) + reads))
    const strays: number[] = []
    for (const child of many) strays.push(await strayOf(child))
    const before = nursery.containment.scans
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    await Promise.all(many.map((child) => child.child.close()))
    delay.disable()
    expect(strays.filter(runs)).toEqual([])
    expect(nursery.containment.scans - before).toBeLessThan(30)
    expect(delay.max / 1e6, 'five times what is promised').toBeLessThan(250)
  })
})
