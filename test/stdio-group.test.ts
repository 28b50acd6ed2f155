/** Nobody of a child's family outlives it, and no child outlives us. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { silentLog } from '../src/base/log.ts'
import { systemClock } from '../src/base/clock.ts'
import { createReaper } from '../src/upstreams/stdio/reaper.ts'
import { childrenOf, runs, until } from './children/processes.ts'
import { type Nursery, openNursery, quickClock } from './children/recorded.ts'

/** A leader and a grandchild that both ignore SIGTERM and their input; it says both ids. */
const stubborn = `trap '' TERM; sleep 60 & echo $!; echo $$; echo ready; while :; do sleep 60; done`
/** The same, but the leader is gone at once. */
const orphaning = `(trap '' TERM; exec sleep 60) & echo $!; exit 6`

let nursery: Nursery
beforeEach(() => void (nursery = openNursery()))
afterEach(() => nursery.end())

describe('the end of a child', () => {
  test('one that ends with its input gets no signal', async () => {
    const child = nursery.sh(`trap 'echo signal' TERM; cat > /dev/null; echo bye`)
    child.child.send('last words')
    await child.child.close()
    expect(await child.exit()).toMatchObject({ code: 0, signal: null, expected: true })
    expect(child.lines).toEqual(['bye'])
  })

  test('lines that were sent before the end of input still arrive', async () => {
    const cat = nursery.start('cat', [])
    cat.child.send('last words')
    await cat.child.close()
    await cat.exit()
    expect(cat.lines).toEqual(['last words'])
  })

  test('SIGTERM comes 2 s after the end of input, and SIGKILL 3 s after that', async () => {
    const waits: number[] = []
    const after = (ms: number, task: () => void) => (waits.push(ms), quickClock.after(ms, task))
    const child = nursery.sh(`trap 'echo term' TERM; echo ready; while :; do sleep 60 & wait; done`, {
      clock: { ...quickClock, after },
    })
    await child.seen(1)
    await Promise.all([child.child.close(), child.child.close()])
    expect(await child.exit()).toMatchObject({ signal: 'SIGKILL', expected: true })
    expect(child.lines).toEqual(['ready', 'term'])
    expect(waits.slice(0, 2)).toEqual([2000, 3000])
  })

  test('close resolves when the whole group is gone, those that ignore SIGTERM included', async () => {
    const child = nursery.sh(stubborn)
    const family = (await child.seen(3)).slice(0, 2).map(Number)
    expect(family.map(runs)).toEqual([true, true])
    await child.child.close()
    expect(family.map(runs)).toEqual([false, false])
  })

  test('kill ends the whole group at once', async () => {
    const child = nursery.sh(stubborn)
    const family = (await child.seen(3)).slice(0, 2).map(Number)
    child.child.kill()
    expect(await child.exit()).toMatchObject({ signal: 'SIGKILL', expected: true })
    await until('the family is gone', () => !family.some(runs))
  })

  test('when the leader ends by itself, that is told soon, and who is left of the group is ended', async () => {
    const child = nursery.sh(orphaning)
    const [grandchild] = (await child.seen(1)).map(Number)
    expect(await child.exit()).toMatchObject({ code: 6, expected: false })
    await until('the grandchild is gone', () => !runs(grandchild ?? 0))
  })

  test('a server that npx starts is answered by, and all of it is gone after the end', async () => {
    const settings = { clock: systemClock }
    const npx = nursery.start('npx', ['--no', '@modelcontextprotocol/server-everything'], settings)
    const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
    npx.child.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }))
    const [answer] = await npx.seen(1)
    expect(JSON.parse(answer ?? '')).toMatchObject({ id: 1, result: { protocolVersion: '2025-06-18' } })
    await npx.child.close()
    expect(() => process.kill(-(npx.child.pid ?? 0), 0)).toThrow('ESRCH')
  })
})

describe('the end of the process that started the child', () => {
  let built: string
  const pids: number[] = []

  beforeAll(() => {
    const root = resolve(import.meta.dirname, '..')
    built = mkdtempSync(join(tmpdir(), 'mcplex-stdio-'))
    const compilerOptions = {
      noEmit: false,
      outDir: built,
      rootDir: join(root, 'src'),
      typeRoots: [join(root, 'node_modules', '@types')],
    }
    const files = ['upstreams/stdio/start-child.ts', 'upstreams/stdio/reaper.ts', 'cli/descriptors.ts'].map((file) =>
      join(root, 'src', file),
    )
    const config = { extends: join(root, 'tsconfig.json'), compilerOptions, files, include: [] }
    writeFileSync(join(built, 'tsconfig.json'), JSON.stringify(config))
    writeFileSync(join(built, 'package.json'), '{ "type": "module" }')
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const compiled = spawnSync(process.execPath, [tsc, '-p', built], { encoding: 'utf8' })
    expect(compiled.stdout + compiled.stderr).toBe('')
  })
  afterEach(() => {
    for (const pid of pids.splice(0)) if (runs(pid)) process.kill(pid, 'SIGKILL')
  })
  afterAll(() => rmSync(built, { recursive: true }))

  /** Starts `parent.mjs`; resolves when its child is ready. */
  async function startParent(script: string, then = '', descriptors: Array<'pipe' | 'ignore'> = []) {
    const file = join(import.meta.dirname, 'children', 'parent.mjs')
    const env = { PATH: process.env['PATH'], SECRET: 'for the gateway only' }
    const parent = spawn(process.execPath, [file, built, script, then], {
      env,
      stdio: ['ignore', 'pipe', 'inherit', ...descriptors],
    })
    const pid = parent.pid ?? 0
    let said = ''
    parent.stdout?.on('data', (chunk: Buffer) => void (said += String(chunk)))
    await until('the child is ready', () => said.includes('ready\n'))
    const lines = said.split('\n')
    const family = lines.filter((line) => /^\d+$/.test(line)).map(Number)
    pids.push(pid, ...family)
    return { pid, family, lines }
  }

  test('kill -9 of it ends the whole family, and the reaper goes after them', async () => {
    const { pid, family } = await startParent(stubborn)
    const [reaper = 0] = childrenOf(pid, 'mcplex-reaper')
    expect([...family, reaper].map(runs)).toEqual([true, true, true])
    process.kill(pid, 'SIGKILL')
    await until('all are gone', () => ![...family, reaper].some(runs))
  })

  test('kill -9 of it in the middle of a polite end changes nothing', async () => {
    const { pid, family } = await startParent(stubborn, 'close')
    process.kill(pid, 'SIGKILL')
    await until('all are gone', () => !family.some(runs))
  })

  test('an exit without a word to the children ends them too', async () => {
    const { pid, family } = await startParent(stubborn, 'exit')
    await until('all are gone', () => ![pid, ...family].some(runs))
  })

  test('a reaper that dies is replaced, and the new one knows every child', async () => {
    const { pid, family } = await startParent(stubborn)
    const [first = 0] = childrenOf(pid, 'mcplex-reaper')
    process.kill(first, 'SIGKILL')
    await until('another reaper', () => childrenOf(pid, 'mcplex-reaper').some((reaper) => reaper !== first))
    process.kill(pid, 'SIGKILL')
    await until('all are gone', () => !family.some(runs))
  })

  test('it ends by itself once its children are gone, though the reaper was not closed', async () => {
    const { pid } = await startParent('echo ready; exit 0')
    await until('the parent is gone', () => !runs(pid))
  })

  test('a child gets three descriptors and its own environment, whatever its parent has', async () => {
    // Without a pipe of its own, which the shell would hold for a moment.
    const script = `ls /proc/$$/fd; tr '\\0' '\\n' < /proc/$$/environ; echo ready`
    const gap = Array.from({ length: 40 }, (): 'ignore' => 'ignore')
    const { lines } = await startParent(script, '', ['pipe', ...gap, 'pipe'])
    expect(lines.filter((line) => /^\d+$/.test(line))).toEqual(['0', '1', '2'])
    expect(lines.filter((line) => line.includes('='))).toEqual(['ONLY=this', `PATH=${process.env['PATH']}`])
  })
})

describe('the reaper', () => {
  test('ends what is still watched when it is closed', async () => {
    const reaper = createReaper({ clock: systemClock, log: silentLog })
    const child = nursery.sh(stubborn, { reaper })
    const family = (await child.seen(3)).slice(0, 2).map(Number)
    reaper.close()
    await until('the family is gone', () => !family.some(runs))
    expect(await child.exit()).toMatchObject({ signal: 'SIGKILL', expected: false })
  })

  test('leaves alone what was forgotten', async () => {
    const reaper = createReaper({ clock: systemClock, log: silentLog })
    const kept = nursery.sh(stubborn)
    const [forgotten = 0] = (await kept.seen(3)).map(Number)
    const pgid = kept.child.pid ?? 0
    const watched = nursery.sh(stubborn)
    const [other = 0] = (await watched.seen(3)).map(Number)
    reaper.watch(pgid)
    reaper.watch(watched.child.pid ?? 0)
    reaper.forget(pgid)
    reaper.close()
    await until('the watched one is gone', () => !runs(other))
    expect(runs(forgotten)).toBe(true)
  })
})
