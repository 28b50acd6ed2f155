/** What one server can take: lines in and out of it, and what calls keep until they are over. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { counts } from '../support/counts.ts'
import { eventually } from '../support/eventually.ts'
import { openSession, type Session } from '../support/session.ts'
import { expectBounded } from './attack.ts'
import { startTarget, type Target } from './target.ts'

const mebibyte = 1024 ** 2
const timeout = 90_000
const unruly = [join(import.meta.dirname, 'greedy-legacy.mjs')]
const quick = { MCPLEX_SESSIONS__RETENTION: '1s' }

const openSessions = (target: Target, count: number): Promise<Session[]> =>
  Promise.all(Array.from({ length: Math.ceil(count) }, () => openSession(target.url)))

const endAll = (sessions: readonly Session[]): Promise<unknown> => Promise.all(sessions.map((session) => session.end()))

/** How many answers there were of each status. */
function tally(answers: ReadonlyArray<{ readonly status: number }>): Readonly<Record<number, number>> {
  const found: Record<number, number> = {}
  for (const { status } of answers) found[status] = (found[status] ?? 0) + 1
  return found
}

test.each([
  ['pings', 'ping'],
  ['questions that are refused', 'roots/list'],
])('servers that ask without end and never read the answers: %s', { timeout }, async (_, method) => {
  const target = await startTarget(16, { server: unruly, env: quick })
  await expectBounded(target, async (scale) => {
    const sessions = await openSessions(target, 4 * scale)
    for (const session of sessions) expect(await session.text('ask', { method, idChars: 1000 })).toBe('asking')
    await new Promise((resolve) => setTimeout(resolve, 6000 * scale))
    await endAll(sessions)
  })
})

test('a server that asks without reading is ended, and the operator is told', { timeout }, async () => {
  const target = await startTarget(16, { server: unruly, env: { MCPLEX_UPSTREAM__CALL_IDLE: '1500ms' } })
  const [session] = await openSessions(target, 1)
  await session?.text('ask', { method: 'ping', idChars: 20 })
  await eventually('the end of it', async () => (await counts(target))['workersEndedForNotReading'] === 1)
  expect(target.log).toContainEqual(expect.objectContaining({ reason: 'answers_unread', worker: expect.any(Number) }))
  await eventually('another process', async () => (await session?.text('echo', { text: 'again' })) === 'again')
})

test('notifications of a client to a server that does not read', { timeout }, async () => {
  const target = await startTarget(32, { server: unruly, env: quick })
  await expectBounded(target, async (scale) => {
    const [session] = await openSessions(target, 1)
    await session?.text('deaf')
    const data = 'x'.repeat(3.5 * mebibyte)
    const answers = []
    for (let i = 0; i < 40 * scale; i++) {
      const answered = await session?.notify('notifications/progress', { progressToken: 1, progress: i, data })
      if (answered) answers.push(answered)
    }
    const { 202: taken = 0, 503: refused = 0 } = tally(answers)
    expect(taken + refused).toBe(Math.ceil(40 * scale))
    expect(taken * 3.5, 'MiB that wait').toBeLessThanOrEqual(16)
    await session?.end()
  })
})

test('calls of clients to servers that do not read', { timeout }, async () => {
  const target = await startTarget(32, { server: unruly, env: quick })
  await expectBounded(target, async (scale) => {
    const sessions = await openSessions(target, 3 * scale)
    for (const session of sessions) await session.text('deaf')
    const text = 'x'.repeat(2 * mebibyte)
    const calls = sessions.flatMap((session) =>
      Array.from({ length: 20 * scale }, () => session.call('hang', { text }).catch(() => ({ status: 0 }))),
    )
    const first = await Promise.all(calls)
    expect(
      Object.keys(tally(first))
        .map(Number)
        .every((status) => [200, 429, 503].includes(status)),
    ).toBe(true)
    await endAll(sessions)
  })
})

test('lines that never end, of several servers', { timeout }, async () => {
  const target = await startTarget(16, { server: unruly, env: quick })
  await expectBounded(target, async (scale) => {
    const sessions = await openSessions(target, 8 * scale)
    await Promise.all(sessions.map((session) => session.text('begin', { bytes: 15 * mebibyte })))
    await new Promise((resolve) => setTimeout(resolve, 2000 * scale))
    await endAll(sessions)
  })
})

test('results of millions of tiny members', { timeout }, async () => {
  const target = await startTarget(32, { server: unruly, env: quick })
  await expectBounded(target, async () => {
    const [session] = await openSessions(target, 1)
    for (let i = 0; i < 5; i++) {
      const { error } = (await session?.response('dense', { members: 2_500_000 })) ?? {}
      expect(error?.['data']).toMatchObject({ reason: 'result_too_large' })
    }
    expect(await session?.text('echo', { text: 'well' })).toBe('well')
    await session?.end()
  })
})

test('a result that is longer than a line may be ends its call at once', { timeout }, async () => {
  const target = await startTarget(128, { server: unruly, env: { MCPLEX_UPSTREAM__MAX_LINE: '1mb' } })
  const [session] = await openSessions(target, 1)
  const { error } = (await session?.response('long', { bytes: 3 * mebibyte })) ?? {}
  expect(error?.['data']).toMatchObject({ reason: 'result_too_large' })
})
