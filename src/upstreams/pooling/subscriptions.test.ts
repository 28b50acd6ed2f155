/** Subscriptions at a worker that does not read at the moment. */
import { expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import { createEvents } from '../../base/events.ts'
import { createMemoryBudget } from '../../base/memory-budget.ts'
import { holderOf, Transfers } from '../../base/transfers.ts'
import { createModernUpstreamCodec } from '../../protocol/modern-client.ts'
import { UpstreamConnection } from '../connection/connection.ts'
import { createSubscriptions } from './subscriptions.ts'
import { createIsolationGroup } from './isolation-group.ts'
import { SubscriptionCounts } from './subscription-counts.ts'

test('a listen request that cannot be sent is sent later', async () => {
  const clock = manualClock()
  const memory = createMemoryBudget(Infinity)
  const sent: string[] = []
  let isDeaf = true
  const codec = createModernUpstreamCodec()
  const connection = new UpstreamConnection({
    child: {
      worker: 1,
      pid: 1,
      backlog: 0,
      memory: memory.account(),
      inputRequestMemory: memory.account(),
      roomFor: () => (isDeaf ? 'share' : 'kept'),
      exited: false,
      ending: false,
      send: (line) => void sent.push((JSON.parse(line) as { method: string }).method),
      listen() {},
      hold() {},
      close: () => Promise.resolve(),
      kill() {},
    },
    codec,
    announced: {},
    attribution: 'none',
    hasOneClient: false,
    clock,
    events: createEvents(),
    callIdleMs: 1000,
    callTotalMs: 5000,
    unsolicited: () => true,
    ended() {},
    unattributed() {},
    stuck() {},
    invalid() {},
    waiting: holderOf(new Transfers(memory, clock, Infinity, () => {}), memory.account()),
  })
  const caller = {
    principal: { tenant: '', subject: '' },
    client: { era: 'modern', version: '2026-07-28', capabilities: {}, info: undefined },
    session: undefined,
  } as const
  const group = createIsolationGroup(
    'group',
    codec,
    'shared',
    caller,
    false,
    {},
    { pool: 1, cores: 1, hasOneClient: false },
  )
  const subscriptions = createSubscriptions(group, () => new SubscriptionCounts(), clock)
  await subscriptions.sync(connection)
  expect(sent).toEqual([])
  isDeaf = false
  clock.advance(1000)
  await new Promise((resolve) => setImmediate(resolve))
  expect(sent).toEqual(['subscriptions/listen'])
})
