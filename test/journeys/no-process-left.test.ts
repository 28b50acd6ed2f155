/** Processes that servers start in sessions of their own are gone when the session, or mcplex, has ended. */
import { expect, onTestFinished, test } from 'vitest'
import { gatewayOf, markedBy, runs } from '../children/processes.ts'
import { eventually, inTime } from '../support/eventually.ts'
import { echoLegacy, type Mcplex, mcplexForTest } from '../support/mcplex.ts'
import { serveStdio } from '../support/pipes.ts'
import { openSession, type Session } from '../support/session.ts'

/** It ends neither with its input nor by SIGTERM. */
const stubborn = [echoLegacy, '--ignore-sigterm', '--ignore-eof']

/** Starts a process in a session of its own that no SIGTERM ends, as a child of the session's server; gives its id. */
async function strayOf(session: Session): Promise<number> {
  const pid = Number(await session.text('spawn-grandchild', { detached: true }))
  onTestFinished(() => {
    if (runs(pid)) process.kill(pid, 'SIGKILL')
  })
  expect(runs(pid)).toBe(true)
  return pid
}

interface Family {
  readonly pid: number
  readonly stray: number
  readonly session: Session
}

async function family(mcplex: Mcplex): Promise<Family> {
  const session = await openSession(mcplex.url)
  const { pid } = await session.whoami()
  return { session, pid, stray: await strayOf(session) }
}

test('the end of a session ends what its server has started anywhere, and nothing of another session', async () => {
  const mcplex = await mcplexForTest()
  const [one, other] = [await family(mcplex), await family(mcplex)]
  expect((await one.session.end()).status).toBe(200)
  await eventually('it is gone', () => !runs(one.pid) && !runs(one.stray))
  expect([other.pid, other.stray].map(runs)).toEqual([true, true])
  expect((await other.session.whoami()).pid).toBe(other.pid)
})

test('the crash of a server ends what it has started anywhere', async () => {
  const mcplex = await mcplexForTest()
  const { session, pid, stray } = await family(mcplex)
  await session.response('crash')
  await eventually('it is gone', () => !runs(pid) && !runs(stray))
})

test.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)(
  '%s of mcplex ends what its servers have started',
  async (signal) => {
    const mcplex = await mcplexForTest()
    const families = [await family(mcplex), await family(mcplex)]
    const gateway = gatewayOf(families[0]?.pid ?? 0)
    mcplex.signal(signal)
    await mcplex.exited
    await eventually('nothing with its mark is left', () => markedBy(gateway).length === 0)
    expect(families.flatMap(({ pid, stray }) => [pid, stray]).filter(runs)).toEqual([])
  },
)

test('SIGTERM: mcplex exits only after the last process, even one that ignores signals', async () => {
  const mcplex = await mcplexForTest({ server: stubborn })
  const { pid, stray } = await family(mcplex)
  const gateway = gatewayOf(pid)
  mcplex.signal('SIGTERM')
  expect(await mcplex.exited).toEqual({ code: 0, signal: null })
  expect([pid, stray, ...markedBy(gateway)].filter(runs)).toEqual([])
})

test('a second SIGINT ends every process by SIGKILL before mcplex exits', async () => {
  const mcplex = await mcplexForTest({ server: stubborn })
  const { pid, stray } = await family(mcplex)
  const gateway = gatewayOf(pid)
  mcplex.signal('SIGINT')
  await eventually('it is stopping', () => mcplex.log.some(({ msg }) => String(msg).startsWith('stopping')))
  // A runner in front may send one signal twice, so a second one counts only after a moment.
  await new Promise((resolve) => setTimeout(resolve, 400))
  expect([pid, stray].every(runs)).toBe(true)
  const sinceMs = performance.now()
  mcplex.signal('SIGINT')
  expect(await mcplex.exited).toEqual({ code: 130, signal: null })
  // A polite end would have taken until 5 s after the first one.
  expect(performance.now() - sinceMs).toBeLessThan(4000)
  expect([pid, stray, ...markedBy(gateway)].filter(runs)).toEqual([])
})

test('at stdin and stdout, too, mcplex exits only after the last process', async () => {
  const client = serveStdio(stubborn)
  onTestFinished(() => client.end())
  await client.initialize()
  const { result } = await client.call('spawn-grandchild', { detached: true })
  const stray = Number(/\d{2,}/.exec(JSON.stringify(result))?.[0])
  const gateway = gatewayOf(stray)
  expect(markedBy(gateway)).toContain(stray)
  client.hangUp()
  expect(await inTime('the end', client.exited)).toBe(0)
  expect(markedBy(gateway)).toEqual([])
})

test('kill -9 of mcplex while it is stopped ends all of its servers', async () => {
  const mcplex = await mcplexForTest()
  const { pid, stray } = await family(mcplex)
  const gateway = gatewayOf(pid)
  mcplex.signal('SIGSTOP')
  mcplex.signal('SIGKILL')
  await mcplex.exited
  await eventually('nothing with its mark is left', () => markedBy(gateway).length === 0)
  expect([pid, stray].filter(runs)).toEqual([])
})

test('an mcplex behind an mcplex takes its mark for what it is, and ends with its servers', async () => {
  const main = echoLegacy.replace(/test.fixtures.*$/, 'dist/cli/main.js')
  const inner = [main, 'serve', '--transport', 'stdio', '--log-level', 'error', '--', process.execPath, echoLegacy]
  const mcplex = await mcplexForTest({ server: inner, options: ['--log-level', 'error'] })
  const { session, pid, stray } = await family(mcplex)
  expect(gatewayOf(stray)).toBe(gatewayOf(pid))
  expect((await session.end()).status).toBe(200)
  await eventually('all of it is gone', () => !runs(pid) && !runs(stray))
})
