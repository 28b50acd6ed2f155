/** Subscribers that come and go in a shared isolation group: what its worker is sent, and what that costs. */
import { expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import { createEvents } from '../../base/events.ts'
import { createMemoryBudget } from '../../base/memory-budget.ts'
import { holderOf, Transfers } from '../../base/transfers.ts'
import type { Filter, Caller } from '../../protocol/call.ts'
import { legacyUpstreamCodec } from '../../protocol/legacy-client.ts'
import { UpstreamConnection } from '../connection/connection.ts'
import type { LineListener } from '../connection/line-transport.ts'
import { createIsolationGroup, type IsolationGroup } from './isolation-group.ts'
import type { Subscriber } from '../upstream.ts'
import { createNotificationRouter, type NotificationRouter } from './notification-router.ts'

const caller: Caller = {
  principal: { tenant: 'default', subject: 'anonymous' },
  client: { era: 'legacy', version: '2025-11-25', capabilities: {}, info: undefined },
  session: undefined,
}
const nobody: Caller = { ...caller, session: undefined }

/** A group with a fake worker that accepts everything but `refuses`; `told` holds the requests that it got. */
function createFixture(refuses: (uri: string) => boolean = () => false): {
  group: IsolationGroup
  notifications: NotificationRouter
  told: string[]
} {
  const clock = manualClock()
  const memory = createMemoryBudget(Infinity)
  const told: string[] = []
  let listener: LineListener | undefined
  const worker = new UpstreamConnection({
    transport: {
      id: 'instance.1',
      worker: 1,
      backlog: 0,
      memory: memory.account(),
      inputRequestMemory: memory.account(),
      roomFor: () => 'reserved',
      exited: false,
      whenExited() {},
      send(line) {
        const { id, method, params } = JSON.parse(line) as { id: number; method: string; params: { uri: string } }
        told.push(`${method.replace('resources/', '')} ${params.uri}`)
        const answer = refuses(params.uri) ? { error: { code: -32602, message: 'no' } } : { result: {} }
        queueMicrotask(() => listener?.line(JSON.stringify({ jsonrpc: '2.0', id, ...answer })))
      },
      listen: (one) => void (listener = one),
      hold() {},
      close: () => Promise.resolve(),
      kill() {},
    },
    standing: { state: 'idle', move() {} },
    codec: legacyUpstreamCodec,
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
  const group = createIsolationGroup(
    'group',
    legacyUpstreamCodec,
    'shared',
    caller,
    false,
    {},
    { pool: () => 1, hasOneClient: false },
  )
  group.workers.add(worker)
  return { group, notifications: createNotificationRouter(clock, () => group), told }
}

const filterOf = (resourceUris: ReadonlySet<string>): Filter => ({
  toolsListChanged: true,
  promptsListChanged: true,
  resourcesListChanged: true,
  resourceUris,
})

const deaf: Subscriber = { deliver() {}, isRead: () => false }

test('a worker gets one subscription for several subscribers, which ends with the last of them', async () => {
  const { group, notifications, told } = createFixture()
  const one = await notifications.subscribe(group.key, nobody, filterOf(new Set(['a', 'b'])), deaf)
  const two = await notifications.subscribe(group.key, nobody, filterOf(new Set(['b', 'c'])), deaf)
  await two.refilter(filterOf(new Set(['b'])))
  one.stop()
  one.stop()
  await two.refilter(filterOf(new Set(['b'])))
  expect(told).toEqual(['subscribe a', 'subscribe b', 'subscribe c', 'unsubscribe c', 'unsubscribe a'])
})

test('a refused subscription is tried again when another subscriber comes', async () => {
  let isRefusing = true
  const { group, notifications, told } = createFixture(() => isRefusing)
  await notifications.subscribe(group.key, nobody, filterOf(new Set(['a'])), deaf)
  isRefusing = false
  for (let others = 0; others < 3; others++) await notifications.subscribe(group.key, nobody, filterOf(new Set()), deaf)
  expect(told).toEqual(['subscribe a', 'subscribe a'])
})

test('another subscriber causes no work for earlier ones', async () => {
  let looks = 0
  class Watched extends Set<string> {
    override [Symbol.iterator](): ReturnType<Set<string>[typeof Symbol.iterator]> {
      looks++
      return super[Symbol.iterator]()
    }
  }
  const { group, notifications, told } = createFixture()
  await notifications.subscribe(group.key, nobody, filterOf(new Watched(['a'])), deaf)
  const first = looks
  for (let others = 0; others < 100; others++)
    await notifications.subscribe(group.key, nobody, filterOf(new Set(['a'])), deaf)
  expect(looks).toBe(first)
  expect(told).toEqual(['subscribe a'])
})
