/** Events are kept for clients that come back: of all of them together no more than the budget, and of none that ended. */
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { messagesOf, reasonOf, responseTo, textOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'
import { expectBounded } from './attack.ts'
import { startTarget, type Target } from './target.ts'

const mebibyte = 1024 ** 2

/** Long keys of time, so that nothing but its end or the budget frees what a session keeps. */
function start(memoryMiB: number): Promise<Target> {
  return startTarget(memoryMiB, { options: ['--mode', 'shared'], env: { MCPLEX_SESSIONS__RETENTION: '1h' } })
}

/** A call whose events are kept: so many, of so many bytes each. */
async function fill(session: Session, count: number, bytes: number): Promise<void> {
  const response = await session.response('notify', { count, bytes }, { progressToken: 1 })
  expect(textOf(response)).toBe(`sent ${count}`)
}

test('the events of sessions that have ended are forgotten with them, however long events are kept', async () => {
  const target = await start(16)
  await expectBounded(target, async (scale) => {
    for (let count = 0; count < 30 * scale; count++) {
      const session = await openSession(target.url)
      await fill(session, 24, 100_000)
      expect((await session.end()).status).toBe(200)
    }
  })
})

test('the events of sessions that live stay within the budget: the oldest are forgotten, and that is told', async () => {
  const target = await start(16)
  const sessions: Session[] = []
  const [held, reasons]: [number[], unknown[]] = [[], []]
  await expectBounded(target, async (scale) => {
    const first = await openSession(target.url)
    const answered = await first.call('notify', { count: 3, bytes: 10 }, { id: 'first', progressToken: 1 })
    await answered.whole()
    for (let count = 0; count < 16 * scale; count++) {
      const session = await openSession(target.url)
      sessions.push(session)
      await fill(session, 24, 100_000)
    }
    held.push(await target.heldBytes())
    const resumed = await first.listen(answered.events[0]?.id)
    reasons.push(reasonOf(await responseTo(resumed, 'first')))
    await resumed.whole()
    for (const session of [first, ...sessions.splice(0)]) await session.end()
  })
  expect(reasons).toEqual([undefined, 'events_expired'])
  expect(held[1]).toBeGreaterThan(target.budgetBytes * 0.8)
  expect(held[1]).toBeLessThanOrEqual(target.budgetBytes)
})

test('one session keeps no more than its share, and the events of others stay', async () => {
  const target = await start(16)
  const other = await openSession(target.url)
  const answered = await other.call('notify', { count: 3, bytes: 10 }, { id: 'mine', progressToken: 1 })
  await answered.whole()
  const before = await target.heldBytes()
  const greedy = await openSession(target.url)
  const calls = Array.from({ length: 30 }, () =>
    greedy.call('notify', { count: 30, bytes: 100_000 }, { progressToken: 1, unread: true }),
  )
  const stuck = await Promise.all(calls)
  await eventually('it keeps what it may', async () => (await target.heldBytes()) - before > 6 * mebibyte)
  for (const each of stuck) each.read()
  await Promise.all(stuck.map(({ over }) => over))
  expect(await target.heldBytes()).toBeLessThan(before + 9 * mebibyte)
  const resumed = await other.listen(answered.events[0]?.id)
  await responseTo(resumed, 'mine')
  expect(messagesOf(resumed)).toHaveLength(4)
})

test('a result that is larger than the share of a session is refused by its reason, and the session goes on', async () => {
  const target = await start(16)
  const session = await openSession(target.url)
  const args = { count: 1, kind: 'progress' }
  await fill(session, args.count, 10)
  const answered = await session.call('big', { bytes: 9 * mebibyte }, { id: 'big', progressToken: 1 })
  expect(reasonOf(await responseTo(answered, 'big'))).toBe('result_too_large')
  expect(await session.text('echo', { text: 'alive' })).toBe('alive')
})

test('tiny events count as well', async () => {
  const target = await start(16)
  const sessions: Session[] = []
  await expectBounded(target, async (scale) => {
    for (let count = 0; count < 25 * scale; count++) {
      const session = await openSession(target.url)
      sessions.push(session)
      await Promise.all(Array.from({ length: 4 }, () => fill(session, 900, 0)))
    }
    const held = await target.heldBytes()
    expect(held).toBeLessThanOrEqual(target.budgetBytes)
    expect(held).toBeGreaterThan(scale * 25 * 3600 * 150)
    for (const session of sessions.splice(0)) await session.end()
  })
})
