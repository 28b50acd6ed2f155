import { expect, test } from 'vitest'
import { Refusal } from '../base/refusal.ts'
import type { Caller, Filter, Update } from '../protocol/call.ts'
import type { Subscriber, Upstream } from '../upstreams/upstream.ts'
import { MovableSubscriptions } from './movable-subscriptions.ts'

const caller: Caller = {
  principal: { tenant: 't', subject: 's' },
  client: { era: 'legacy', version: '2025-11-25', capabilities: {}, info: { name: 'test', version: '1' } },
  session: 's',
}
const filter: Filter = {
  toolsListChanged: true,
  promptsListChanged: false,
  resourcesListChanged: false,
  resourceUris: new Set(),
}

/** An upstream that throws until it has started, and tells its subscribers of nothing by itself. */
class Starting implements Pick<Upstream, 'subscribe'> {
  readonly subscribers = new Set<Subscriber>()
  hasStarted = false

  subscribe(_caller: Caller, _filter: Filter, subscriber: Subscriber): ReturnType<Upstream['subscribe']> {
    // As upstreams do: not a rejection.
    if (!this.hasStarted) throw new Refusal('upstream_unavailable')
    this.subscribers.add(subscriber)
    return Promise.resolve({
      refilter: () => Promise.resolve(),
      stop: () => void this.subscribers.delete(subscriber),
    })
  }
}

test('a subscription moves to an upstream that still starts, and is there once it has started', async () => {
  const [first, second] = [new Starting(), new Starting()]
  first.hasStarted = true
  const subscriptions = new MovableSubscriptions(first)
  const delivered: Update[] = []
  const subscription = await subscriptions.subscribe(caller, filter, {
    deliver: (update) => void delivered.push(update),
    isRead: () => true,
  })
  subscriptions.moveTo(second)
  await settled()
  expect([first.subscribers.size, second.subscribers.size, delivered.length]).toEqual([0, 0, 1])
  second.hasStarted = true
  subscriptions.started()
  subscriptions.started()
  await settled()
  expect(second.subscribers.size).toBe(1)
  subscription.stop()
  await settled()
  expect([second.subscribers.size, subscriptions.count]).toEqual([0, 0])
})

/** Lets pending promises settle. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
