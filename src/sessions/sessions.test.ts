import { expect, test } from 'vitest'
import { createMemoryBackplane } from '../backplane/memory.ts'
import { manualClock } from '../base/clock.ts'
import { createEvents } from '../base/events.ts'
import { CoarseTimers } from '../base/coarse-timers.ts'
import { createLease } from '../base/lease.ts'
import { createMemoryBudget } from '../base/memory-budget.ts'
import type { ClientDescription } from '../protocol/call.ts'
import { streamOpened } from './liveness.ts'
import { createJournalledStreams } from './journalled-streams.ts'
import type { LiveSession } from './live-session.ts'
import { createSessions } from './sessions.ts'

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
}

test('sessions without a completed handshake are evicted before those of clients that are only silent', async () => {
  const clock = manualClock(0)
  const backplane = createMemoryBackplane({ clock })
  const { journals } = backplane
  const memory = createMemoryBudget(1_000_000)
  const timers = new CoarseTimers(clock)
  const expiredText = (): string => 'expired'
  const { createOutput } = createJournalledStreams({ journals, settings, memory, timers, clock, expiredText })
  const sessions = createSessions({
    backplane,
    memory,
    settings,
    clock,
    events: createEvents(),
    createOutput,
    ping: () => undefined,
    onEnd: () => undefined,
  })
  const open = (): Promise<LiveSession> =>
    sessions.open(
      principal,
      client,
      createLease(() => undefined),
    )
  const silent = await open()
  await sessions.change(silent, { ready: true })
  clock.advance(61_000)
  const unfinished = [await open(), await open()]

  clock.advance(4_999)
  sessions.evictIdle(0)
  expect(sessions.count).toBe(3)
  clock.advance(1)
  sessions.evictIdle(2)
  expect(unfinished.map(({ ended }) => ended)).toEqual([true, true])
  expect(silent.ended).toBe(false)
  sessions.evictIdle(1)
  expect(silent.ended).toBe(true)
  await sessions.close()
  await backplane.close()
})

test.each([500, 1000, 6000, 8000, 60_000])(
  'a client that answers pings a tenth of the idle time later keeps its session (idle time: %i ms)',
  async (idleTimeoutMs) => {
    const clock = manualClock(0)
    const backplane = createMemoryBackplane({ clock })
    const { journals } = backplane
    const memory = createMemoryBudget(1_000_000)
    const timers = new CoarseTimers(clock)
    const expiredText = (): string => 'expired'
    const { createOutput } = createJournalledStreams({ journals, settings, memory, timers, clock, expiredText })
    const sessions = createSessions({
      backplane,
      memory,
      settings: { ...settings, idleTimeoutMs },
      clock,
      events: createEvents(),
      createOutput,
      onEnd: () => undefined,
      ping: ({ session }) =>
        void clock.after(Math.min(idleTimeoutMs / 10, 5000), () => void sessions.find(principal, session.id, true)),
    })
    const session = await sessions.open(
      principal,
      client,
      createLease(() => undefined),
    )
    await sessions.change(session, { ready: true })
    streamOpened(session.liveness)
    for (let i = 0; i < 600; i++) {
      clock.advance(idleTimeoutMs / 100)
      await new Promise(setImmediate)
    }
    expect(session.ended).toBe(false)
    await sessions.close()
    await backplane.close()
  },
)
