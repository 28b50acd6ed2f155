import { expect, test } from 'vitest'
import type { Backplane } from '../backplane/backplane.ts'
import { createMemoryBackplane } from '../backplane/memory.ts'
import { type ManualClock, manualClock } from '../base/clock.ts'
import { createEvents } from '../base/events.ts'
import { CoarseTimers } from '../base/coarse-timers.ts'
import { createLease } from '../base/lease.ts'
import { createMemoryBudget, type MemoryBudget } from '../base/memory-budget.ts'
import type { ClientDescription } from '../protocol/call.ts'
import { streamOpened } from './liveness.ts'
import { createJournalledStreams } from './journalled-streams.ts'
import type { LiveSession } from './live-session.ts'
import { completed } from './session.ts'
import { createSessions, type Sessions } from './sessions.ts'

const principal = { tenant: 't', subject: 's' }
const client: ClientDescription = { era: 'legacy', version: '2025-11-25', capabilities: {}, info: undefined }
const settings = {
  idleTimeoutMs: 1_800_000,
  idleTimeoutIsFinal: false,
  maxSessionMs: 14_400_000,
  handshakeTimeoutMs: 30_000,
  evictIdleMs: 60_000,
  answerTimeoutMs: 600_000,
  eventsPerStream: 100,
  bytesPerStream: 100_000,
  retentionMs: 1000,
  keepAliveMs: 15_000,
  slowReaderMs: 30_000,
  stateBytes: 65_536,
}

interface Instance {
  readonly sessions: Sessions
  readonly memory: MemoryBudget
  /** Why sessions ended here, in order. */
  readonly ends: string[]
}

/** One instance on a backplane. */
function instance(
  clock: ManualClock,
  backplane: Backplane,
  more: { readonly settings?: Partial<typeof settings>; readonly ping?: (liveSession: LiveSession) => void } = {},
): Instance {
  const memory = createMemoryBudget(1_000_000)
  const events = createEvents()
  const ends: string[] = []
  events.on('sessionEnded', ({ reason }) => ends.push(reason))
  const own = { ...settings, ...more.settings }
  const timers = new CoarseTimers(clock)
  const { journals } = backplane
  const expiredText = (): string => 'expired'
  const { createOutput } = createJournalledStreams({ journals, settings: own, memory, timers, clock, expiredText })
  const { ping = () => undefined } = more
  const onEnd = (): void => undefined
  const sessions = createSessions({ backplane, memory, settings: own, clock, events, createOutput, ping, onEnd })
  return { sessions, memory, ends }
}

const open = ({ sessions }: Instance): Promise<LiveSession> =>
  sessions.open(
    principal,
    client,
    createLease(() => undefined),
  )

async function found({ sessions }: Instance, { session }: LiveSession): Promise<LiveSession> {
  const liveSession = await sessions.find(principal, session.id)
  if (!liveSession) throw new Error('the session is not found')
  return liveSession
}

/** Moves the clock, and lets what became due happen. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  clock.advance(ms)
  await new Promise(setImmediate)
}

test('what one instance changes is kept when another one, which found the session before, changes it too', async () => {
  const clock = manualClock(0)
  const backplane = createMemoryBackplane({ clock })
  const [one, other] = [instance(clock, backplane), instance(clock, backplane)]
  const opened = await open(one)
  const elsewhere = await found(other, opened)
  await one.sessions.update(opened, (session) => ({ ...session, ready: true, uris: ['a:b'] }))
  await other.sessions.update(elsewhere, (session) => ({ ...session, logLevel: 'debug' }))
  const truth = { ready: true, uris: ['a:b'], logLevel: 'debug' }
  expect((await backplane.records.read(opened.key))?.value).toMatchObject(truth)
  expect(elsewhere.session).toMatchObject(truth)
  expect((await found(one, opened)).session).toMatchObject(truth)
  expect(opened.session.client).toBe(client)
})

test('a session whose handshake another instance has completed does not end as unfinished', async () => {
  const clock = manualClock(0)
  const backplane = createMemoryBackplane({ clock })
  const [one, other] = [instance(clock, backplane), instance(clock, backplane)]
  const opened = await open(one)
  const elsewhere = await found(other, opened)
  const unfinished = await open(other)
  await one.sessions.update(opened, completed)
  await pass(clock, settings.handshakeTimeoutMs + 2000)
  expect([opened.ended, elsewhere.ended, unfinished.ended]).toEqual([false, false, true])
  expect([one.ends, other.ends]).toEqual([[], ['no_handshake']])
})

test('a session ends as idle only when no instance has heard of its client, and then everywhere', async () => {
  const clock = manualClock(0)
  const backplane = createMemoryBackplane({ clock })
  const [one, other] = [instance(clock, backplane), instance(clock, backplane)]
  const opened = await open(one)
  await one.sessions.update(opened, completed)
  const elsewhere = await found(other, opened)
  const halfMs = settings.idleTimeoutMs / 2
  for (let i = 0; i < 5; i++) {
    await pass(clock, halfMs)
    await found(one, opened)
  }
  expect(elsewhere.ended).toBe(false)
  // The first message after a long time finds the session, whether a sweep has looked at it before or not.
  expect(await found(other, opened)).toBe(elsewhere)
  await pass(clock, settings.idleTimeoutMs - 2000)
  expect([opened.ended, elsewhere.ended]).toEqual([false, false])
  await pass(clock, 4000)
  expect([opened.ended, elsewhere.ended]).toEqual([true, true])
  expect(await backplane.records.read(opened.key)).toBeUndefined()
})

test('at capacity, a session is not evicted whose client speaks to another instance', async () => {
  const clock = manualClock(0)
  const backplane = createMemoryBackplane({ clock })
  const [one, other] = [instance(clock, backplane), instance(clock, backplane)]
  const opened = await open(one)
  const elsewhere = await found(other, opened)
  await one.sessions.update(opened, completed)
  await pass(clock, 55_000)
  await found(one, opened)
  await pass(clock, 10_000)
  await other.sessions.evictIdle(1)
  expect([opened.ended, elsewhere.ended]).toEqual([false, false])
  await pass(clock, 55_000)
  await other.sessions.evictIdle(1)
  expect(elsewhere.ended).toBe(true)
})

test('changes that one instance makes at once are all stored, and count as memory as long as they are', async () => {
  const clock = manualClock(0)
  const backplane = createMemoryBackplane({ clock })
  const [one, other] = [instance(clock, backplane), instance(clock, backplane)]
  const opened = await open(one)
  const elsewhere = await found(other, opened)
  const before = [one.memory.heldBytes, other.memory.heldBytes]
  const uris = Array.from({ length: 30 }, (_, n) => `test://${n}`)
  await Promise.all(
    uris.map((uri) => one.sessions.update(opened, (session) => ({ ...session, uris: [...session.uris, uri] }))),
  )
  expect(opened.session.uris).toEqual(uris)
  const more = one.memory.heldBytes - (before[0] ?? 0)
  expect(more).toBeGreaterThan(30 * 256)
  await found(other, opened)
  expect(elsewhere.session.uris).toEqual(uris)
  expect(other.memory.heldBytes - (before[1] ?? 0)).toBe(more)
  await other.sessions.update(elsewhere, (session) => ({ ...session, uris: [] }))
  await found(one, opened)
  expect([one.memory.heldBytes, other.memory.heldBytes]).toEqual(before)
})

test('a change that other instances prevent each time is refused, and holds no memory', async () => {
  const clock = manualClock(0)
  const memoryBackplane = createMemoryBackplane({ clock })
  const { records } = memoryBackplane
  let isContended = false
  /** Another instance writes between each read and the next replace. */
  const contended: Backplane = {
    ...memoryBackplane,
    records: {
      ...records,
      async read(key, extendMs) {
        const stored = await records.read(key, extendMs)
        if (isContended && stored) await records.replace(key, stored.value, stored.version, 60_000)
        return stored
      },
    },
  }
  const one = instance(clock, contended)
  const opened = await open(one)
  const { heldBytes } = one.memory
  isContended = true
  const refused = one.sessions.update(opened, (session) => ({ ...session, uris: ['a:b'] }))
  await expect(refused).rejects.toMatchObject({ code: 'store_unavailable' })
  expect([opened.session.uris, one.memory.heldBytes]).toEqual([[], heldBytes])
  isContended = false
  await one.sessions.update(opened, completed)
  expect(opened.session.ready).toBe(true)
})

test('sessions without a completed handshake are evicted before those of clients that are only silent', async () => {
  const clock = manualClock(0)
  const one = instance(clock, createMemoryBackplane({ clock }))
  const { sessions } = one
  const silent = await open(one)
  await sessions.update(silent, completed)
  clock.advance(61_000)
  const unfinished = [await open(one), await open(one)]

  clock.advance(4_999)
  await sessions.evictIdle(0)
  expect(sessions.count).toBe(3)
  clock.advance(1)
  await sessions.evictIdle(2)
  expect(unfinished.map(({ ended }) => ended)).toEqual([true, true])
  expect(silent.ended).toBe(false)
  await sessions.evictIdle(1)
  expect(silent.ended).toBe(true)
})

test('a client that has only answered pings for longer than the idle time is evicted at capacity', async () => {
  const clock = manualClock(0)
  const one = instance(clock, createMemoryBackplane({ clock }), {
    ping: ({ session }) => void clock.after(10, () => void one.sessions.find(principal, session.id, true)),
  })
  const answering = await open(one)
  await one.sessions.update(answering, completed)
  streamOpened(answering.liveness)
  for (let i = 0; i < 110; i++) await pass(clock, settings.idleTimeoutMs / 100)
  expect([answering.ended, answering.liveness.aliveAtMs !== undefined]).toEqual([false, true])
  await one.sessions.evictIdle(1)
  expect(one.ends).toEqual(['evicted'])
})

test.each([500, 1000, 6000, 8000, 60_000])(
  'a client that answers pings a tenth of the idle time later keeps its session (idle time: %i ms)',
  async (idleTimeoutMs) => {
    const clock = manualClock(0)
    const one = instance(clock, createMemoryBackplane({ clock }), {
      settings: { idleTimeoutMs },
      ping: ({ session }) =>
        void clock.after(Math.min(idleTimeoutMs / 10, 5000), () => void one.sessions.find(principal, session.id, true)),
    })
    const session = await open(one)
    await one.sessions.update(session, completed)
    streamOpened(session.liveness)
    for (let i = 0; i < 600; i++) await pass(clock, idleTimeoutMs / 100)
    expect(session.ended).toBe(false)
  },
)

test('requests that come together after another instance has served the client find the session', async () => {
  const clock = manualClock(0)
  const backplane = createMemoryBackplane({ clock })
  const { records } = backplane
  /** Answers of the store, while it is slow: they arrive together, those of `timeLeft` one round later. */
  const replies: Array<() => void> = []
  let isSlow = false
  const later = async <Value>(value: Value): Promise<Value> => {
    await new Promise<void>((resolve) => (isSlow ? replies.push(resolve) : resolve()))
    return value
  }
  const read: typeof records.read = async (...args) => later(await records.read(...args))
  const timeLeft: typeof records.timeLeft = async (key) => later(await later(await records.timeLeft(key)))
  const one = instance(clock, { ...backplane, records: { ...records, read, timeLeft } })
  const other = instance(clock, backplane)
  const opened = await open(one)
  await one.sessions.update(opened, completed)
  await pass(clock, settings.idleTimeoutMs - 100)
  await found(other, opened)
  isSlow = true
  // The sweep of the first instance asks the store, and both requests come before it has the answer.
  clock.advance(2000)
  const both = Promise.all([found(one, opened), found(one, opened)])
  for (let round = 0; round < 5; round++) {
    await new Promise(setImmediate)
    for (const reply of replies.splice(0)) reply()
  }
  expect(await both).toEqual([opened, opened])
  expect(one.ends).toEqual([])
})

test('a session whose record could not be removed does not come back, and others end all the same', async () => {
  const clock = manualClock(0)
  const backplane = createMemoryBackplane({ clock })
  const remove = (): Promise<boolean> => Promise.reject(new Error('the store is down'))
  const one = instance(clock, { ...backplane, records: { ...backplane.records, remove } })
  const [first, second] = [await open(one), await open(one)]
  await expect(one.sessions.end(first, 'client')).rejects.toThrow('down')
  expect(await one.sessions.find(principal, first.session.id)).toBeUndefined()
  await one.sessions.close()
  expect([second.ended, one.ends]).toEqual([true, ['client', 'drain']])
})
