/** A clock that is set, back or forth, while mcplex runs: every deadline comes when it should, and none before. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { counts } from '../support/counts.ts'
import { eventually, inTime } from '../support/eventually.ts'
import { type Mcplex, mcplexForTest } from '../support/mcplex.ts'
import { rawClient } from '../support/raw-http.ts'
import { reasonOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'

const hourMs = 3_600_000

interface Moved {
  readonly mcplex: Mcplex
  /** Moves the clock, and waits until mcplex sees it. */
  move(ms: number): Promise<void>
}

/** mcplex with a clock of its own. */
async function withClock(options: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Moved> {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'clock')
  const preload = pathToFileURL(join(import.meta.dirname, 'moved-clock.mjs')).href
  const mcplex = await mcplexForTest({
    options,
    env: { NODE_OPTIONS: `--import=${preload}`, MOVED_CLOCK: file, ...env },
  })
  return {
    mcplex,
    async move(ms) {
      writeFileSync(file, String(ms))
      // What it logs has the time of the clock.
      await eventually('a log line of that time', async () => {
        await (await openSession(mcplex.url)).end()
        const time = Date.parse(String(mcplex.log.at(-1)?.['time']))
        return Math.abs(time - Date.now() - ms) < hourMs / 2
      })
    },
  }
}

test('a call that is silent ends in time although the clock was set back', async () => {
  const { mcplex, move } = await withClock([], { MCPLEX_UPSTREAM__CALL_IDLE: '3s' })
  const session = await openSession(mcplex.url)
  expect(await session.text('echo', { text: 'before' })).toBe('before')
  const hanging = session.response('hang')
  await eventually('the call', async () => (await counts(mcplex))['calls'] === 1)
  await move(-hourMs)
  expect(reasonOf(await inTime('its end', hanging))).toBe('upstream_timeout')
})

test('a session without a message ends in time although the clock was set back', async () => {
  const { mcplex, move } = await withClock(['--idle-timeout', '2s'])
  const session = await openSession(mcplex.url)
  await move(-hourMs)
  await eventually('its end', () => mcplex.log.some(({ reason, session: id }) => reason === 'idle' && id !== undefined))
  expect((await session.post({ id: 9, method: 'ping' })).status).toBe(404)
})

test('a call that waits for a process is refused in time although the clock was set back', async () => {
  const { mcplex, move } = await withClock(['--pool', '1', '--queue-wait', '4s'])
  const session = await openSession(mcplex.url)
  const busy = session.response('slow', { ms: 14_000 })
  await eventually('the call', async () => (await counts(mcplex))['calls'] === 1)
  const waiting = (await openSession(mcplex.url)).response('echo', { text: 'x' })
  await eventually('one that waits', async () => (await counts(mcplex))['waitingCalls'] === 1)
  await move(-hourMs)
  expect(reasonOf(await inTime('its refusal', waiting))).toBe('overloaded')
  await busy
})

test('a silent connection is closed in time although the clock was set back', async () => {
  const { mcplex, move } = await withClock([])
  const silent = await rawClient(Number(new URL(mcplex.url).port))
  // Connections are taken in the order in which they come.
  await counts(mcplex)
  await move(-hourMs)
  // Ten seconds, looked at every two.
  await eventually('its end', () => silent.isClosed(), 50_000)
}, 60_000)

test('nothing ends before its time although the clock was set forward', async () => {
  const { mcplex, move } = await withClock(['--idle-timeout', '6s'])
  const [session, idle] = [await openSession(mcplex.url), await openSession(mcplex.url, { client: 'idle' })]
  const slow = session.call('slow', { ms: 3000, steps: 3 }, { id: 7, progressToken: 1 })
  await move(30 * 24 * hourMs)
  expect(await (await inTime('the answer', slow)).whole()).toContain('"result":')
  expect(await idle.request('ping')).toMatchObject({ result: {} })
  const ended = await eventually('the end of it', () => mcplex.log.find(({ reason }) => reason === 'idle'), 60_000)
  // By the clock that was set its age would be a month, or its end long past.
  expect(Number(ended['age_ms'])).toBeGreaterThanOrEqual(6000)
  expect(Number(ended['age_ms'])).toBeLessThan(hourMs)
})
