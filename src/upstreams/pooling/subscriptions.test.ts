/** Subscriptions at a worker that does not read at the moment. */
import { expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import { createEvents } from '../../base/events.ts'
import { createMemoryBudget } from '../../base/memory-budget.ts'
import { holderOf, Transfers } from '../../base/transfers.ts'
import { legacyUpstreamCodec } from '../../protocol/legacy-client.ts'
import { createModernUpstreamCodec } from '../../protocol/modern-client.ts'
import type { UpstreamCodec } from '../../protocol/upstream-codec.ts'
import { UpstreamConnection } from '../connection/connection.ts'
import { createSubscriptions } from './subscriptions.ts'
import { createIsolationGroup, type IsolationGroup } from './isolation-group.ts'
import { SubscriptionCounts } from './subscription-counts.ts'

interface Fixture {
  readonly worker: UpstreamConnection
  readonly group: IsolationGroup
  readonly clock: ReturnType<typeof manualClock>
  /** Whether the worker takes nothing at the moment. */
  isDeaf: boolean
  /** The methods of what was sent. */
  readonly sent: string[]
}

function createFixture(codec: UpstreamCodec): Fixture {
  const clock = manualClock()
  const memory = createMemoryBudget(Infinity)
  const sent: string[] = []
  const worker = new UpstreamConnection({
    transport: {
      id: 'instance.1',
      worker: 1,
      backlog: 0,
      memory: memory.account(),
      inputRequestMemory: memory.account(),
      roomFor: () => (fixture.isDeaf ? 'share' : 'reserved'),
      exited: false,
      whenExited() {},
      send: (line) => void sent.push((JSON.parse(line) as { method: string }).method),
      listen() {},
      hold() {},
      close: () => Promise.resolve(),
      kill() {},
    },
    standing: { state: 'idle', move() {} },
    codec,
    announced: {},
    attribution: 'several',
    hasOneClient: false,
    clock,
    events: createEvents(),
    callIdleMs: 1000,
    callTotalMs: 5000,
    unsolicited: () => true,
    ended() {},
    unattributed() {},
    notReading() {},
    recovered() {},
    invalid() {},
    waiting: holderOf(new Transfers(memory, clock, Infinity, () => {}), memory.account()),
  })
  const client = { era: 'modern', version: '2026-07-28', capabilities: {}, info: undefined } as const
  const caller = { principal: { tenant: '', subject: '' }, client, session: undefined }
  const bounds = { pool: () => 1, hasOneClient: false }
  const group = createIsolationGroup('group', codec, 'shared', caller, false, {}, bounds)
  const fixture: Fixture = { worker, group, clock, isDeaf: true, sent }
  return fixture
}

test('a listen request that cannot be sent is sent later', async () => {
  const fixture = createFixture(createModernUpstreamCodec())
  const { worker, group, clock, sent } = fixture
  const subscriptions = createSubscriptions(group, () => new SubscriptionCounts(), clock)
  await subscriptions.sync(worker)
  expect(sent).toEqual([])
  fixture.isDeaf = false
  clock.advance(1000)
  await new Promise((resolve) => setImmediate(resolve))
  expect(sent).toEqual(['subscriptions/listen'])
})

test('a subscription that cannot be sent is sent with the next change', async () => {
  const fixture = createFixture(legacyUpstreamCodec)
  const { worker, group, clock, sent } = fixture
  const counts = new SubscriptionCounts()
  const filter = { toolsListChanged: false, promptsListChanged: false, resourcesListChanged: false }
  counts.add({ ...filter, resourceUris: new Set(['a:b']) }, undefined)
  const subscriptions = createSubscriptions(group, () => counts, clock)
  await subscriptions.sync(worker)
  expect(sent).toEqual([])
  fixture.isDeaf = false
  void subscriptions.sync(worker)
  await new Promise((resolve) => setImmediate(resolve))
  expect(sent).toEqual(['resources/subscribe'])
})
