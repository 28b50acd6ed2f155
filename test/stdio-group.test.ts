/** No descendant of a child outlives it, and no child outlives us. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { silentLog } from '../src/base/log.ts'
import { systemClock } from '../src/base/clock.ts'
import { createContainment } from '../src/upstreams/stdio/containment.ts'
import { createReaper } from '../src/upstreams/stdio/reaper.ts'
import { startParent } from './children/parent.ts'
import { gatewayOf, reapersOf, runs, stateOf, until } from './children/processes.ts'
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

  test('when the leader of a group ends by itself, that is reported soon, and the rest of the group is ended', async () => {
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
  const oneReaperOf = (pid: number): number => reapersOf(gatewayOf(pid))[0] ?? 0

  test('kill -9 of it ends the whole family, and the reaper goes after them', async () => {
    const { pid, family } = await startParent(stubborn)
    const reaper = oneReaperOf(family[1] ?? 0)
    expect([...family, reaper].map(runs)).toEqual([true, true, true])
    process.kill(pid, 'SIGKILL')
    await until('all are gone', () => ![...family, reaper].some(runs))
  })

  test('kill -9 of it in the middle of a polite end changes nothing', async () => {
    const { pid, family } = await startParent(stubborn, { then: 'close' })
    process.kill(pid, 'SIGKILL')
    await until('all are gone', () => !family.some(runs))
  })

  test('kill -9 of it while it is stopped changes nothing', async () => {
    const { pid, family } = await startParent(stubborn)
    process.kill(pid, 'SIGSTOP')
    await until('it is stopped', () => stateOf(pid) === 'T')
    process.kill(pid, 'SIGKILL')
    await until('all are gone', () => !family.some(runs))
  })

  test('an exit without a shutdown ends the children too', async () => {
    const { pid, family } = await startParent(stubborn, { then: 'exit' })
    await until('all are gone', () => ![pid, ...family].some(runs))
  })

  test('it ends by itself once its children are gone, though nothing was closed', async () => {
    const { pid } = await startParent('echo ready; exit 0')
    await until('the parent is gone', () => !runs(pid))
  })

  test('a child gets three descriptors, its own environment and its mark, whatever its parent has', async () => {
    // Without a pipe of its own, which the shell would hold for a moment.
    const script = `ls /proc/$$/fd; tr '\\0' '\\n' < /proc/$$/environ; echo ready`
    const gap = Array.from({ length: 40 }, (): 'ignore' => 'ignore')
    const parent = await startParent(script, { descriptors: ['pipe', ...gap, 'pipe'] })
    const lines = parent.lines()
    expect(lines.filter((line) => /^\d+$/.test(line))).toEqual(['0', '1', '2'])
    const variables = lines.filter((line) => line.includes('='))
    expect(variables.slice(0, 2)).toEqual(['ONLY=this', `PATH=${process.env['PATH']}`])
    expect(variables.slice(2)).toEqual([expect.stringMatching(/^MCPLEX_WORKER=[0-9a-f]{32}\.1$/)])
  })
})

describe('the reaper', () => {
  test('ends the processes that are still watched when it is closed', async () => {
    const containment = createContainment({ clock: systemClock, log: silentLog })
    const child = nursery.sh(stubborn, { containment })
    const family = (await child.seen(3)).slice(0, 2).map(Number)
    await containment.close()
    await until('the family is gone', () => !family.some(runs))
    expect(await child.exit()).toMatchObject({ signal: 'SIGKILL', expected: false })
  })

  test('leaves a process group alone that it was told to forget', async () => {
    const reaper = createReaper({ clock: systemClock, log: silentLog, gateway: 'of-this-test' })
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
