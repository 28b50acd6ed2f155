import { expect, test } from 'vitest'
import { createMemoryBackplane } from '../backplane/memory.ts'
import { Cancel } from '../base/cancel.ts'
import { manualClock } from '../base/clock.ts'
import { createEvents } from '../base/events.ts'
import { createLease } from '../base/lease.ts'
import { createMemoryBudget, type MemoryBudget } from '../base/memory-budget.ts'
import { CoarseTimers } from '../base/coarse-timers.ts'
import type { Principal, ClientDescription } from '../protocol/call.ts'
import type { SessionSettings } from './options.ts'
import { journalledOutput, type JournalledOutput } from './journalled-output.ts'
import { createJournalledStreams, type JournalledStreams } from './journalled-streams.ts'
import type { LiveSession } from './live-session.ts'
import { createSessions, type Sessions } from './sessions.ts'

const settings: SessionSettings = {
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
const ada: Principal = { tenant: 'acme', subject: 'ada' }
const client: ClientDescription = { era: 'legacy', version: '2025-11-25', capabilities: {}, info: undefined }

interface Fixture {
  readonly memory: MemoryBudget
  readonly sessions: Sessions
  readonly streams: JournalledStreams
  readonly liveSession: LiveSession
  readonly output: JournalledOutput
}

async function fixture(): Promise<Fixture> {
  const clock = manualClock()
  const memory = createMemoryBudget(10_000_000)
  const backplane = createMemoryBackplane({ clock, memory })
  const { journals } = backplane
  const timers = new CoarseTimers(clock)
  const streams = createJournalledStreams({
    journals,
    settings,
    memory,
    timers,
    clock,
    expiredText: () => 'expired',
  })
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
  const liveSession = await sessions.open(
    ada,
    client,
    createLease(() => {}),
  )
  return { memory, sessions, streams, liveSession, output: journalledOutput(liveSession) }
}

test('a call of a session that has ended opens no stream and stores nothing', async () => {
  const { memory, sessions, streams, liveSession, output } = await fixture()
  await sessions.end(liveSession, 'client')
  await expect(output.openCall('1', true)).rejects.toMatchObject({ code: 'session_not_found' })
  expect([memory.heldBytes, streams.open]).toEqual([0, 0])
})

test('a resumed GET stream gets all events it lost, even if another stream was active in between', async () => {
  const { output } = await fixture()
  const listen = async (): Promise<{ next(): Promise<string>; leave: Cancel }> => {
    const leave = new Cancel()
    const pieces = (await output.listen(true, leave))[Symbol.asyncIterator]()
    return { next: async () => String((await pieces.next()).value), leave }
  }
  const first = await listen()
  const seen = /^id: ?(.+)$/m.exec(await first.next())?.[1] ?? ''
  output.send('"one"')
  expect(await first.next()).toContain('"one"')
  const second = await listen()
  await second.next()
  output.send('"two"')
  expect(await second.next()).toContain('"two"')
  second.leave.cancel('gone')
  output.send('"three"')
  expect(await first.next()).toContain('"three"')
  first.leave.cancel('gone')

  const resumed = output.resume(seen, new Cancel())[Symbol.asyncIterator]()
  expect((await resumed.next()).value).toContain('"one"')
  const third = await listen()
  await third.next()
  const rest = resumed.next()
  output.send('"four"')
  expect(await third.next()).toContain('"four"')
  third.leave.cancel('gone')
  expect((await rest).value).toContain('"three"')
  output.send('"five"')
  expect((await resumed.next()).value).toContain('"five"')
})

test('a writer that waits for a stuck reader continues when the session ends', async () => {
  const { memory, sessions, liveSession, output } = await fixture()
  const cancel = new Cancel()
  const call = await output.openCall('1', false)
  const pieces = call.read(new Cancel())[Symbol.asyncIterator]()
  await call.append('"first"', cancel)
  expect((await pieces.next()).value).toContain('"first"')
  // As much as a reader may be behind; the reader takes none of it.
  await call.append(`"${'x'.repeat(60_000)}"`, cancel)
  let isThrough = false
  const waiting = call.append('"second"', cancel).then(() => (isThrough = true))
  await turn()
  expect(isThrough).toBe(false)
  await sessions.end(liveSession, 'client')
  await turn()
  expect(isThrough).toBe(true)
  await waiting
  expect(memory.heldBytes).toBe(0)
})

test('a writer that waits for the older of two readers continues with the newer one', async () => {
  const { output } = await fixture()
  const cancel = new Cancel()
  const call = await output.openCall('1', false)
  const older = call.read(new Cancel())[Symbol.asyncIterator]()
  await call.append('"first"', cancel)
  await older.next()
  await call.append(`"${'x'.repeat(60_000)}"`, cancel)
  let isThrough = false
  const waiting = call.append('"second"', cancel).then(() => (isThrough = true))
  await turn()
  call.read(new Cancel())
  await turn()
  expect(isThrough).toBe(true)
  await waiting
})

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
