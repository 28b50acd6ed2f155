import { expect, test } from 'vitest'
import { createMemoryBackplane } from '../../backplane/memory.ts'
import { manualClock } from '../../base/clock.ts'
import { createEvents } from '../../base/events.ts'
import { createLease } from '../../base/lease.ts'
import { createMemoryBudget } from '../../base/memory-budget.ts'
import { CoarseTimers } from '../../base/coarse-timers.ts'
import { createJournalledStreams } from '../../sessions/journalled-streams.ts'
import type { LiveSession } from '../../sessions/live-session.ts'
import { createSessions } from '../../sessions/sessions.ts'
import type { Upstream } from '../../upstreams/upstream.ts'
import { createPendingInput } from '../interaction/pending-input.ts'
import { expiredText } from './notices.ts'
import { createSessionNotifications, type SessionNotifications } from './notifications.ts'

const settings = {
  idleTimeoutIsFinal: false,
  idleTimeoutMs: 60_000,
  maxSessionMs: 600_000,
  handshakeTimeoutMs: 30_000,
  evictIdleMs: 60_000,
  answerTimeoutMs: 600_000,
  eventsPerStream: 100,
  bytesPerStream: 100_000,
  retentionMs: 60_000,
  keepAliveMs: 15_000,
  slowReaderMs: 30_000,
  stateBytes: 65_536,
}

interface Fixture {
  readonly notifications: SessionNotifications
  readonly liveSession: LiveSession
  /** How many subscriptions the upstream has. */
  subscribed(): number
  end(): Promise<void>
}

async function fixture(): Promise<Fixture> {
  const clock = manualClock()
  const memory = createMemoryBudget(10_000_000)
  const backplane = createMemoryBackplane({ clock, memory })
  const timers = new CoarseTimers(clock)
  const { journals } = backplane
  const streams = createJournalledStreams({ journals, settings, memory, timers, clock, expiredText })
  const sessions = createSessions({
    backplane,
    memory,
    settings,
    clock,
    events: createEvents(),
    createOutput: streams.createOutput,
    ping: () => undefined,
    onEnd: () => undefined,
  })
  let subscribed = 0
  const subscribe: Upstream['subscribe'] = async () => {
    subscribed++
    return { stop: () => void subscribed--, refilter: () => Promise.resolve() }
  }
  const pendingInput = createPendingInput(timers, settings.answerTimeoutMs)
  const liveSession = await sessions.open(
    { tenant: 'acme', subject: 'ada' },
    { era: 'legacy', version: '2025-11-25', capabilities: {}, info: undefined },
    createLease(() => {}),
  )
  return {
    notifications: createSessionNotifications({
      upstream: { subscribe },
      pendingInput,
    }),
    liveSession,
    subscribed: () => subscribed,
    end: () => sessions.end(liveSession, 'client'),
  }
}

test('a session is subscribed once, until it ends', async () => {
  const { notifications, liveSession, subscribed, end } = await fixture()
  await Promise.all([notifications.attach(liveSession), notifications.attach(liveSession)])
  expect(subscribed()).toBe(1)
  await end()
  expect(subscribed()).toBe(0)
})

test('a session that ended while its message waited is not subscribed', async () => {
  const { notifications, liveSession, subscribed, end } = await fixture()
  await end()
  await expect(notifications.attach(liveSession)).rejects.toMatchObject({ code: 'session_not_found' })
  await expect(notifications.refilter(liveSession)).rejects.toMatchObject({ code: 'session_not_found' })
  expect(subscribed()).toBe(0)
})
