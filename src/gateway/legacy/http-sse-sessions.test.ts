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
import { createSessions, type Sessions } from '../../sessions/sessions.ts'
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
}
const ada: Principal = { tenant: 'acme', subject: 'ada' }
const client: ClientDescription = { era: 'legacy', version: '2024-11-05', capabilities: {}, info: undefined }

interface Entered {
  readonly id: string
  /** What it is called in the client's next `Last-Event-ID`. */
  readonly name: string
  readonly holder: SseSession
  readonly pieces: AsyncIterator<string>
}

interface Rooms {
  readonly clock: ReturnType<typeof manualClock>
  readonly sessions: Sessions
  readonly streams: SseSessions
  readonly ends: string[]
  /** Opens a stream and reads its address. */
  enter(closed?: Cancel, after?: string): Promise<Entered>
  /** How many places were taken and not given back. */
  held(): number
}

function rooms(): Rooms {
  const clock = manualClock()
  const events = createEvents()
  const ends: string[] = []
  events.on('sessionEnded', ({ reason }) => ends.push(reason))
  const memory = createMemoryBudget(10_000_000)
  const sessions = createSessions({
    backplane: createMemoryBackplane({ clock }),
    memory,
    settings,
    clock,
    events,
    ask: () => undefined,
  })
  const streams = createSseSessions({ sessions, memory, settings, timers: new CoarseTimers(clock), clock })
  let held = 0
  const place = (): Lease => {
    held++
    return createLease(() => held--)
  }
  return {
    clock,
    sessions,
    streams,
    ends,
    held: () => held,
    async enter(closed = new Cancel(), after) {
      const pieces = streams.open(ada, place(), closed, after)[Symbol.asyncIterator]()
      const { value } = await pieces.next()
      const id = /sessionId=(.+)/.exec(String(value))?.[1] ?? ''
      const name = /^id: ?(.+)$/m.exec(String(value))?.[1] ?? ''
      const holder = streams.find(ada, id)
      if (!holder) throw new Error('a stream that was opened is not found')
      return { id, name, holder, pieces }
    },
  }
}

test('a stream is found by its own principal only, and not when it is over', async () => {
  const { streams, enter, held } = rooms()
  const closed = new Cancel()
  const { id } = await enter(closed)
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
  const { sessions, streams, enter, ends, held } = rooms()
  const closed = new Cancel()
  const [left, ended] = [await enter(closed), await enter()]
  for (const { holder } of [left, ended]) {
    streams.bind(holder, await sessions.open(ada, client, holder.place))
  }
  closed.cancel('gone')
  const { liveSession } = ended.holder
  if (liveSession) await sessions.end(liveSession, 'idle')
  expect(streams.find(ada, ended.id), 'nobody speaks in a session that is over').toBeUndefined()
  expect((await ended.pieces.next()).done).toBe(true)
  expect(ends).toEqual(['client', 'idle'])
  expect([sessions.count, streams.count, held()]).toEqual([0, 0, 0])
})

test('a session that is opened for a client that has just left ends at once', async () => {
  const { sessions, streams, enter, ends, held } = rooms()
  const closed = new Cancel()
  const { holder } = await enter(closed)
  closed.cancel('gone')
  streams.bind(holder, await sessions.open(ada, client, holder.place))
  expect([ends, sessions.count, held()]).toEqual([['client'], 0, 0])
})

test('a client is known again however often it loses its stream before it says a word', async () => {
  const { sessions, streams, enter } = rooms()
  const told: ClientDescription = { ...client, capabilities: { sampling: {} }, info: { name: 'ada' } }
  const lost = new Cancel()
  const first = await enter(lost)
  streams.bind(first.holder, await sessions.open(ada, told, first.holder.place))
  lost.cancel('gone')
  const lostAgain = new Cancel()
  const second = await enter(lostAgain, first.name)
  lostAgain.cancel('gone')
  const third = await enter(new Cancel(), second.name)
  // Its last connection has not been noticed to be gone.
  const fourth = await enter(new Cancel(), third.name)
  expect([second, third, fourth].map(({ holder }) => holder.before)).toEqual([told, told, told])
})

test('a client that opens no session in time is let go', async () => {
  const { streams, clock, enter, held } = rooms()
  const { pieces } = await enter()
  const rest = pieces.next()
  clock.advance(settings.handshakeTimeoutMs - 1000)
  expect(streams.count).toBe(1)
  clock.advance(2000)
  // A comment may have come before the end.
  while ((await rest).done !== true && (await pieces.next()).done !== true);
  expect([streams.count, held()]).toEqual([0, 0])
})

test('in a full house those give way who have said nothing for a while, the first of them first', async () => {
  const { sessions, streams, clock, enter, held } = rooms()
  const greeted = await enter()
  streams.bind(greeted.holder, await sessions.open(ada, client, greeted.holder.place))
  const silent = [await enter(), await enter()]
  clock.advance(4000)
  const fresh = await enter()
  expect(streams.evictIdle(4)).toBe(0)
  clock.advance(1500)
  expect(streams.evictIdle(1)).toBe(1)
  expect((await silent[0]?.pieces.next())?.done).toBe(true)
  expect(streams.evictIdle(4)).toBe(1)
  expect((await silent[1]?.pieces.next())?.done).toBe(true)
  expect(streams.find(ada, fresh.id)).toBe(fresh.holder)
  expect([streams.count, held()]).toEqual([2, 2])
})
