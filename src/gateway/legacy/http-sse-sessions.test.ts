import { expect, test } from 'vitest'
import { createMemoryBackplane } from '../../backplane/memory.ts'
import { Cancel } from '../../base/cancel.ts'
import { manualClock } from '../../base/clock.ts'
import { createEvents } from '../../base/events.ts'
import { createLease, type Lease } from '../../base/lease.ts'
import { createMemoryBudget } from '../../base/memory-budget.ts'
import { CoarseTimers } from '../../base/coarse-timers.ts'
import type { Principal, ClientDescription } from '../../protocol/call.ts'
import type { SessionSettings } from '../../sessions/options.ts'
import { createJournalledStreams } from '../../sessions/journalled-streams.ts'
import { createSessions, type Sessions } from '../../sessions/sessions.ts'
import { expiredText } from './notices.ts'
import { createSseSessions, type SseSession, type SseSessions } from './http-sse-sessions.ts'

const settings: SessionSettings = {
  idleTimeoutIsFinal: false,
  idleTimeoutMs: 60_000,
  maxSessionMs: 600_000,
  handshakeTimeoutMs: 30_000,
  evictIdleMs: 60_000,
  answerTimeoutMs: 600_000,
  eventsPerStream: 100,
  bytesPerStream: 100_000,
  retentionMs: 0,
  keepAliveMs: 15_000,
  slowReaderMs: 30_000,
  stateBytes: 65_536,
}
const ada: Principal = { tenant: 'acme', subject: 'ada' }
const client: ClientDescription = { era: 'legacy', version: '2024-11-05', capabilities: {}, info: undefined }

interface OpenStream {
  readonly id: string
  /** The name of the stream in the client's next `Last-Event-ID`. */
  readonly name: string
  readonly sseSession: SseSession
  readonly pieces: AsyncIterator<string>
}

interface Fixture {
  readonly clock: ReturnType<typeof manualClock>
  readonly sessions: Sessions
  readonly streams: SseSessions
  readonly ends: string[]
  /** Opens a stream and reads its address. */
  open(closed?: Cancel, after?: string): Promise<OpenStream>
  /** How many leases were taken and not released. */
  held(): number
}

function fixture(): Fixture {
  const clock = manualClock()
  const events = createEvents()
  const ends: string[] = []
  events.on('sessionEnded', ({ reason }) => ends.push(reason))
  const memory = createMemoryBudget(10_000_000)
  const backplane = createMemoryBackplane({ clock })
  const { journals } = backplane
  const timers = new CoarseTimers(clock)
  const { createOutput } = createJournalledStreams({ journals, settings, memory, timers, clock, expiredText })
  const sessions = createSessions({
    backplane,
    memory,
    settings,
    clock,
    events,
    createOutput,
    ping: () => undefined,
    onEnd: () => undefined,
  })
  const streams = createSseSessions({ sessions, memory, settings, timers, clock })
  let held = 0
  const lease = (): Lease => {
    held++
    return createLease(() => held--)
  }
  return {
    clock,
    sessions,
    streams,
    ends,
    held: () => held,
    async open(closed = new Cancel(), after) {
      const pieces = streams.open(ada, lease(), closed, after)[Symbol.asyncIterator]()
      const { value } = await pieces.next()
      const id = /sessionId=(.+)/.exec(String(value))?.[1] ?? ''
      const name = /^id: ?(.+)$/m.exec(String(value))?.[1] ?? ''
      const sseSession = streams.find(ada, id)
      if (!sseSession) throw new Error('a stream that was opened is not found')
      return { id, name, sseSession, pieces }
    },
  }
}

test('a stream is found only by its own principal, and not after its end', async () => {
  const { streams, open, held } = fixture()
  const closed = new Cancel()
  const { id } = await open(closed)
  const others = [
    { tenant: 'acme', subject: 'bob' },
    { tenant: 'other', subject: 'ada' },
  ]
  for (const other of others) expect(streams.find(other, id)).toBeUndefined()
  expect(streams.find(ada, `${id}x`)).toBeUndefined()
  closed.cancel('gone')
  expect(streams.find(ada, id)).toBeUndefined()
  expect([streams.count, held()]).toEqual([0, 0])
})

test('the end of the stream ends the session, and the end of the session ends the stream', async () => {
  const { sessions, streams, open, ends, held } = fixture()
  const closed = new Cancel()
  const [left, ended] = [await open(closed), await open()]
  for (const { sseSession } of [left, ended]) {
    streams.bind(sseSession, await sessions.open(ada, client, sseSession.lease, { output: sseSession.stream }))
  }
  closed.cancel('gone')
  const { liveSession } = ended.sseSession
  if (liveSession) await sessions.end(liveSession, 'idle')
  expect(streams.find(ada, ended.id), 'a session that has ended has no stream').toBeUndefined()
  expect((await ended.pieces.next()).done).toBe(true)
  expect(ends).toEqual(['client', 'idle'])
  expect([sessions.count, streams.count, held()]).toEqual([0, 0, 0])
})

test('a session that is opened for a client that has just disconnected ends at once', async () => {
  const { sessions, streams, open, ends, held } = fixture()
  const closed = new Cancel()
  const { sseSession } = await open(closed)
  closed.cancel('gone')
  streams.bind(sseSession, await sessions.open(ada, client, sseSession.lease, { output: sseSession.stream }))
  expect([ends, sessions.count, held()]).toEqual([['client'], 0, 0])
})

test('a client is recognised however often it loses its stream before it opens a session', async () => {
  const { sessions, streams, open } = fixture()
  const description: ClientDescription = { ...client, capabilities: { sampling: {} }, info: { name: 'ada' } }
  const lost = new Cancel()
  const first = await open(lost)
  streams.bind(
    first.sseSession,
    await sessions.open(ada, description, first.sseSession.lease, { output: first.sseSession.stream }),
  )
  lost.cancel('gone')
  const lostAgain = new Cancel()
  const second = await open(lostAgain, first.name)
  lostAgain.cancel('gone')
  const third = await open(new Cancel(), second.name)
  // The end of its last connection was not noticed yet.
  const fourth = await open(new Cancel(), third.name)
  expect([second, third, fourth].map(({ sseSession }) => sseSession.previousClient)).toEqual([
    description,
    description,
    description,
  ])
})

test('the stream of a client that opens no session in time is ended', async () => {
  const { streams, clock, open, held } = fixture()
  const { pieces } = await open()
  const rest = pieces.next()
  clock.advance(settings.handshakeTimeoutMs - 1000)
  expect(streams.count).toBe(1)
  clock.advance(2000)
  // A comment may have come before the end.
  while ((await rest).done !== true && (await pieces.next()).done !== true);
  expect([streams.count, held()]).toEqual([0, 0])
})

test('at capacity, streams that have been without a session for a while are ended, the oldest first', async () => {
  const { sessions, streams, clock, open, held } = fixture()
  const withSession = await open()
  streams.bind(
    withSession.sseSession,
    await sessions.open(ada, client, withSession.sseSession.lease, { output: withSession.sseSession.stream }),
  )
  const silent = [await open(), await open()]
  clock.advance(4000)
  const fresh = await open()
  expect(streams.evictIdle(4)).toBe(0)
  clock.advance(1500)
  expect(streams.evictIdle(1)).toBe(1)
  expect((await silent[0]?.pieces.next())?.done).toBe(true)
  expect(streams.evictIdle(4)).toBe(1)
  expect((await silent[1]?.pieces.next())?.done).toBe(true)
  expect(streams.find(ada, fresh.id)).toBe(fresh.sseSession)
  expect([streams.count, held()]).toEqual([2, 2])
})
