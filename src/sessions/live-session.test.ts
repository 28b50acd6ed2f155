import { expect, test } from 'vitest'
import { createMemoryBackplane } from '../backplane/memory.ts'
import { Cancel } from '../base/cancel.ts'
import { manualClock } from '../base/clock.ts'
import type { ListedTools } from '../protocol/listed-tools.ts'
import { CoarseTimers } from '../base/coarse-timers.ts'
import { createLease } from '../base/lease.ts'
import { createMemoryBudget } from '../base/memory-budget.ts'
import { journalledOutput } from './journalled-output.ts'
import { createJournalledStreams } from './journalled-streams.ts'
import { LiveSession } from './live-session.ts'
import { newLiveness } from './liveness.ts'
import { type Session, sessionKey } from './session.ts'

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

interface Fixture {
  readonly clock: ReturnType<typeof manualClock>
  readonly liveSession: LiveSession
  readonly heldBytes: () => number
  /** What was given back and ended, in order. */
  readonly log: string[]
}

function fixture(): Fixture {
  const clock = manualClock(0)
  const memory = createMemoryBudget(10_000_000)
  const { journals } = createMemoryBackplane({ clock, memory })
  const timers = new CoarseTimers(clock)
  const expiredText = (): string => 'expired'
  const { createOutput } = createJournalledStreams({ journals, settings, memory, timers, clock, expiredText })
  const principal = { tenant: 'acme', subject: 'ada' }
  const session: Session = {
    id: 'secret',
    principal,
    client: { era: 'legacy', version: '2025-11-25', capabilities: {}, info: { name: 'n'.repeat(1000) } },
    endpoint: '',
    createdAtMs: 0,
    ready: true,
    logLevel: undefined,
    uris: ['a:b'],
  }
  const log: string[] = []
  const liveSession = new LiveSession({
    key: sessionKey(principal, session.id),
    session,
    recordVersion: 1,
    liveness: newLiveness(0),
    memory: memory.account(),
    lease: createLease(() => log.push('lease')),
    createOutput,
  })
  return { clock, liveSession, heldBytes: () => memory.heldBytes, log }
}

test('a live session shows what runs for it, and not its id', async () => {
  const { clock, liveSession } = fixture()
  liveSession.memory.add(1000)
  clock.advance(2500)
  const [call, other] = [liveSession.addCall('1', new Cancel()), liveSession.addCall('2', new Cancel())]
  const output = journalledOutput(liveSession)
  await output.listen(true, new Cancel())
  const stream = await output.openCall('1', true)
  stream.read(new Cancel())
  liveSession.workerSubscription = Promise.resolve({ stop: () => undefined, refilter: async () => undefined })
  liveSession.inputRequests = new Map([
    ['"ask"', { method: 'roots/list', settle: () => undefined, abandon: () => undefined }],
  ])
  liveSession.removeCall(other)
  const view = liveSession.view(clock.now())
  expect(view).toEqual({
    tenant: 'acme',
    era: 'legacy',
    version: '2025-11-25',
    client: 'n'.repeat(128),
    isReady: true,
    ageMs: 2500,
    idleMs: 2500,
    calls: 1,
    callsTotal: 2,
    output: 'journalled',
    openStreams: 2,
    receivesWorkerMessages: true,
    subscribedResources: 1,
    inputRequests: 1,
    heldBytes: 1000,
  })
  expect(JSON.stringify(view)).not.toContain('secret')
  liveSession.removeCall(call)
  liveSession.removeCall(call)
  expect(liveSession.calls).toBe(0)
})

test('a cancellation names the newest call with its id', () => {
  const { liveSession } = fixture()
  const [older, newer] = [new Cancel(), new Cancel()]
  const [, last] = [liveSession.addCall('1', older), liveSession.addCall('1', newer)]
  expect(liveSession.callById('1')?.cancel).toBe(newer)
  liveSession.removeCall(last)
  expect(liveSession.callById('1')?.cancel).toBe(older)
  expect(liveSession.callById('2')).toBeUndefined()
})

test('at its end, a live session ends all that runs for it and gives back all that it holds, once', async () => {
  const { liveSession, heldBytes, log } = fixture()
  const cancel = new Cancel()
  liveSession.addCall('1', cancel)
  liveSession.memory.add(1000)
  liveSession.workerSubscription = Promise.resolve({
    stop: () => void log.push('subscription'),
    refilter: async () => undefined,
  })
  liveSession.inputRequests = new Map([
    ['"ask"', { method: 'roots/list', settle: () => undefined, abandon: () => void log.push('input request') }],
  ])
  const output = journalledOutput(liveSession)
  const stream = await output.openCall('1', false)
  await stream.append('"event"', cancel)
  const pieces = stream.read(new Cancel())[Symbol.asyncIterator]()
  expect((await pieces.next()).value).toContain('"event"')
  const rest = pieces.next()

  liveSession.end()
  liveSession.end()
  expect((await rest).done).toBe(true)
  expect(cancel.cancelled).toBe(true)
  expect(log.toSorted()).toEqual(['input request', 'lease', 'subscription'])
  expect(heldBytes()).toBe(0)
})

test('an older record does not replace a newer one, and memory follows the subscriptions of the record', () => {
  const { liveSession, heldBytes } = fixture()
  const before = heldBytes()
  const { session } = liveSession
  liveSession.takeOver({ ...session, uris: ['a:b', 'c:d'] }, 3)
  const withTwo = heldBytes()
  expect(withTwo).toBeGreaterThan(before)
  liveSession.takeOver({ ...session, uris: [] }, 2)
  expect([liveSession.session.uris, liveSession.recordVersion, heldBytes()]).toEqual([['a:b', 'c:d'], 3, withTwo])
})

test('what its client was shown of tools is counted, given back at the end, and bounded', () => {
  const { liveSession, heldBytes } = fixture()
  const before = heldBytes()
  const page = (count: number, chars: number): ListedTools => ({
    names: Array.from({ length: count }, () => 'n'.repeat(chars)),
    count,
    hash: 'h'.repeat(12),
  })
  liveSession.noteListed(page(100, 128), false)
  const counted = heldBytes() - before
  expect(counted).toBeGreaterThan(12_800)
  // A further page adds nothing to the first hundred names, and a shorter list gives back.
  liveSession.noteListed(page(100, 128), true)
  expect([heldBytes() - before, liveSession.listedTools?.count]).toEqual([counted, 200])
  liveSession.noteListed(page(1, 4), false)
  expect(heldBytes() - before).toBeLessThan(300)
  liveSession.end()
  expect(heldBytes()).toBe(0)
  liveSession.noteListed(page(100, 128), false)
  expect(heldBytes()).toBe(0)
})
