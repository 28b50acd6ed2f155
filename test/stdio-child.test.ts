import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { manualClock } from '../src/base/clock.ts'
import { silentLog } from '../src/base/log.ts'
import { createMemoryBudget } from '../src/base/memory-budget.ts'
import { spawnChild } from '../src/upstreams/stdio/spawn.ts'
import { runs, until, writes, written } from './children/processes.ts'
import { type Nursery, openNursery } from './children/recorded.ts'

let nursery: Nursery
beforeEach(() => void (nursery = openNursery()))
afterEach(() => nursery.end())

describe('lines', () => {
  test('lines come back whole and in order, characters of any length included', async () => {
    const cat = nursery.start('cat', [])
    const sent = Array.from({ length: 5000 }, (_, index) => `${index} ${'é漢😀'.repeat(index % 50)}`)
    for (const line of sent) cat.child.send(line)
    expect(await cat.seen(sent.length)).toEqual(sent)
    expect(cat.dropped).toEqual([])
  })

  test('all lines of one tick of the event loop go out in one write', async () => {
    const cat = nursery.start('cat', [])
    cat.child.send('ready')
    await cat.seen(1)
    const before = writes()
    for (let line = 0; line < 500; line += 1) cat.child.send('123456789')
    await cat.seen(501)
    // The event loop has some writes of its own.
    expect(writes() - before).toBeLessThan(50)
  })

  test('the exit is told after the last line, however much was said before it', async () => {
    const child = nursery.sh('seq 1 100000; exit 3')
    expect(await child.exit()).toMatchObject({ code: 3, signal: null, expected: false, stderr: '' })
    expect(child.lines).toHaveLength(100_000)
  })

  test('a listener that fails at a line costs that child, and nothing else', async () => {
    const [cat, other] = [nursery.start('cat', []), nursery.start('cat', [])]
    const exits: unknown[] = []
    cat.child.listen({
      line() {
        throw new Error('planted')
      },
      dropped() {},
      exit: (exit) => void exits.push(exit),
    })
    cat.child.send('one')
    await until('its end', () => exits.length === 1 && !runs(cat.child.pid ?? 0))
    other.child.send('two')
    expect(await other.seen(1)).toEqual(['two'])
  })

  test('lines and the exit from before there was a listener are not lost', async () => {
    const child = nursery.sh('echo one; echo two; exit 4', { silent: true })
    await until('the child exited', () => child.child.exited)
    child.child.listen(child.listener)
    expect(child.lines).toEqual([])
    expect(await child.exit()).toMatchObject({ code: 4 })
    expect(child.lines).toEqual(['one', 'two'])
  })

  test('a child whose output is not read waits, and loses no line', async () => {
    const child = nursery.start('seq', ['1', '300000'], { silent: true })
    let before = 0
    let same = 0
    await until('the child stopped writing', () => {
      const now = written(child.child.pid)
      same = now === before && now > 0 ? same + 1 : 0
      before = now
      return same > 10
    })
    expect(before).toBeLessThan(1 << 20)
    child.child.listen(child.listener)
    await child.exit()
    expect(child.lines).toHaveLength(300_000)
    expect(child.lines.at(-1)).toBe('300000')
  })

  test('a listener that replaces another gets the later events, and also an exit that happened before', async () => {
    const cat = nursery.start('cat', [])
    cat.child.send('one')
    await cat.seen(1)
    const later: string[] = []
    const exits: number[] = []
    const listener = { ...cat.listener, line: (text: string) => void later.push(text), exit: () => void exits.push(1) }
    cat.child.listen(listener)
    cat.child.send('two')
    await until('the second line', () => later.length > 0)
    await cat.child.close()
    await until('the exit', () => exits.length === 1)
    cat.child.listen(listener)
    await until('the exit again', () => exits.length === 2)
    expect([cat.lines, later, cat.exits]).toEqual([['one'], ['two'], []])
  })

  test('a line of 64 MiB is dropped and counted, and the one after it arrives', async () => {
    const child = nursery.sh(`head -c 67108864 /dev/zero; echo; echo after`)
    await child.exit()
    expect(child.lines).toEqual(['after'])
    expect(child.dropped).toEqual([67_108_864])
    expect(child.events).toContainEqual({ name: 'dropped', event: { what: 'stdout_line', count: 1 } })
  })

  test('half a line at the end is dropped', async () => {
    const child = nursery.sh(`printf 'whole\\nhal'`)
    await child.exit()
    expect([child.lines, child.dropped]).toEqual([['whole'], [3]])
  })
})

describe('start', () => {
  test('a program that does not exist is reported as an exit, not thrown', async () => {
    const child = nursery.start('no-such-program-anywhere', [])
    expect(await child.exit()).toEqual({ code: null, signal: null, expected: false, stderr: '', error: 'ENOENT' })
    expect([child.child.pid, child.child.exited, child.events]).toEqual([undefined, true, []])
    child.child.send('nobody reads this')
    child.child.kill()
    await child.child.close()
    expect(child.exits).toHaveLength(1)
  })

  test('a command that no system accepts is reported in the same way', async () => {
    const child = nursery.start('cat', ['\0'])
    expect(await child.exit()).toMatchObject({ code: null, error: 'ERR_INVALID_ARG_VALUE' })
  })

  test('a working directory that does not exist is reported in the same way', async () => {
    const settings = {
      clock: manualClock(),
      log: silentLog,
      events: { emit() {} },
      containment: nursery.containment,
      memory: createMemoryBudget(Infinity),
    }
    const child = spawnChild(
      { command: 'cat', args: [], env: {}, cwd: '/no/such/directory' },
      { ...settings, maxLineBytes: 1024, purpose: 'test' },
    )
    const error = await new Promise((resolve) =>
      child.listen({ line() {}, dropped() {}, exit: (exit) => resolve(exit.error) }),
    )
    expect(error).toBe('ENOENT')
  })

  test('start and end are told as events, and an end that was asked for as expected', async () => {
    const asked = nursery.start('cat', [])
    const { worker, pid } = asked.child
    await asked.child.close()
    expect(asked.events).toEqual([
      { name: 'workerStarted', event: { worker, pid, purpose: 'test' } },
      { name: 'workerEnded', event: { worker, code: 0, signal: null, expected: true, reason: 'stopped' } },
    ])
    const crashed = nursery.sh('kill -9 $$')
    expect(await crashed.exit()).toMatchObject({ signal: 'SIGKILL', expected: false })
    expect(crashed.events[1]).toMatchObject({ event: { signal: 'SIGKILL', expected: false, reason: 'start_failed' } })
  })

  test('of several reasons for an end the first counts, and a crash after a message is no failed start', async () => {
    const idle = nursery.start('cat', [])
    const ended = idle.child.close('idle')
    idle.child.kill('unresponsive')
    await ended
    expect(await idle.exit()).toMatchObject({ expected: true, reason: 'idle' })
    const spoken = nursery.sh(`echo '{}'; exit 3`)
    expect(await spoken.exit()).toMatchObject({ code: 3, expected: false, reason: 'crash' })
  })

  test('the reason of a failed start is the output on stderr', async () => {
    const child = nursery.sh('echo "missing token" >&2; exit 1')
    expect(await child.exit()).toMatchObject({ code: 1, stderr: 'missing token' })
  })

  test('100 MB on stderr are logged up to the bound and counted, and stdout goes on', async () => {
    const logged: unknown[] = []
    const log = { ...silentLog, debug: (fields: object) => void logged.push(fields) }
    const script = `yes 123456789 | head -c 100000000 >&2; echo done`
    const before = process.memoryUsage().rss
    const child = nursery.sh(script, { log, clock: manualClock() })
    expect(await child.exit()).toMatchObject({ code: 0, stderr: '123456789\n'.repeat(410).slice(-4096).trim() })
    expect(child.lines).toEqual(['done'])
    expect(logged).toHaveLength(51)
    expect(child.events).toContainEqual({ name: 'dropped', event: { what: 'stderr_line', count: 10_000_000 - 50 } })
    expect(process.memoryUsage().rss - before).toBeLessThan(80 * 1024 * 1024)
  })
})

describe('broken pipes', () => {
  test('a child that closes its input is ended, and no write to it is an unhandled error', async () => {
    const child = nursery.sh('exec <&-; echo closed; sleep 60')
    await child.seen(1)
    child.child.send('x'.repeat(100_000))
    expect(await child.exit()).toMatchObject({ signal: 'SIGTERM', expected: false })
    child.child.send('late')
    expect(child.child.backlog).toBe(0)
  })

  test('a child that closes its output is ended', async () => {
    const child = nursery.sh('exec >&-; exec sleep 60')
    expect(await child.exit()).toMatchObject({ signal: 'SIGTERM', expected: false })
  })

  test('input that a child does not read counts as backlog until the child has ended', async () => {
    const child = nursery.sh('echo ready; exec sleep 60')
    await child.seen(1)
    child.child.send('x'.repeat(999))
    expect(child.child.backlog).toBe(1000)
    for (let line = 0; line < 1000; line += 1) child.child.send('x'.repeat(9999))
    await new Promise((resolve) => setImmediate(resolve))
    expect(child.child.backlog).toBeGreaterThan(9_000_000)
    child.child.kill()
    await child.exit()
    expect(child.child.backlog).toBe(0)
  })

  test('the exit is reported soon although a process that left the group holds the pipes', async () => {
    const child = nursery.sh('setsid sh -c "echo \\$\\$; exec sleep 60" & sleep 0.2; exit 5')
    const [holder] = await child.seen(1)
    expect(await child.exit()).toMatchObject({ code: 5, expected: false })
    await until('its mark is found, and it is ended', () => !runs(Number(holder)))
  })
})
