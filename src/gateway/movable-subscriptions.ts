/**
 * The subscriptions that clients have at one endpoint, to what its servers send outside of calls. They outlive the
 * upstream: when another one takes its place, they move to it, and their clients are told that lists may have changed.
 */
import type { Caller, Filter } from '../protocol/call.ts'
import type { Subscriber, Subscription, Upstream } from '../upstreams/upstream.ts'

type SubscribeOnly = Pick<Upstream, 'subscribe'>

export class MovableSubscriptions implements SubscribeOnly {
  #upstream: SubscribeOnly
  /** As many as there are attached sessions and streams of `subscriptions/listen`. */
  readonly #all = new Set<MovableSubscription>()

  constructor(upstream: SubscribeOnly) {
    this.#upstream = upstream
  }

  /** Subscribes as `Upstream.subscribe` does, and throws what it throws. */
  async subscribe(caller: Caller, filter: Filter, subscriber: Subscriber): Promise<Subscription> {
    const first = this.#upstream.subscribe(caller, filter, subscriber)
    const subscription = new MovableSubscription(caller, filter, subscriber, first, (one) => this.#all.delete(one))
    this.#all.add(subscription)
    try {
      await first
    } catch (error) {
      subscription.stop()
      throw error
    }
    return subscription
  }

  /** Moves all subscriptions to another upstream. */
  moveTo(upstream: SubscribeOnly): void {
    if (upstream === this.#upstream) return
    this.#upstream = upstream
    for (const subscription of this.#all) subscription.moveTo(upstream)
  }

  /** The upstream has started: subscribes again where that was not possible before. */
  started(): void {
    for (const subscription of this.#all) if (subscription.isWithout) subscription.moveTo(this.#upstream)
  }

  get count(): number {
    return this.#all.size
  }
}

class MovableSubscription implements Subscription {
  readonly #caller: Caller
  readonly #subscriber: Subscriber
  readonly #stopped: (self: MovableSubscription) => void
  #filter: Filter
  #current: Promise<Subscription>
  #isWithout = false

  constructor(
    caller: Caller,
    filter: Filter,
    subscriber: Subscriber,
    first: Promise<Subscription>,
    stopped: (self: MovableSubscription) => void,
  ) {
    this.#caller = caller
    this.#filter = filter
    this.#subscriber = subscriber
    this.#current = first
    this.#stopped = stopped
  }

  /** Whether it could not be moved: its upstream had not started, or has failed. */
  get isWithout(): boolean {
    return this.#isWithout
  }

  async refilter(filter: Filter): Promise<void> {
    this.#filter = filter
    const current = await this.#current
    await current.refilter(filter)
  }

  stop(): void {
    this.#stopped(this)
    stopLater(this.#current)
  }

  moveTo(upstream: SubscribeOnly): void {
    stopLater(this.#current)
    this.#current = this.#at(upstream)
    const { toolsListChanged, promptsListChanged, resourcesListChanged } = this.#filter
    const changed = (kind: string): void =>
      this.#subscriber.deliver({
        kind: 'notification',
        method: `notifications/${kind}/list_changed`,
        params: undefined,
      })
    if (toolsListChanged) changed('tools')
    if (promptsListChanged) changed('prompts')
    if (resourcesListChanged) changed('resources')
  }

  /** Never rejects: an upstream that cannot be subscribed to sends nothing, and the client keeps what it has. */
  async #at(upstream: SubscribeOnly): Promise<Subscription> {
    this.#isWithout = false
    try {
      return await upstream.subscribe(this.#caller, this.#filter, this.#subscriber)
    } catch {
      this.#isWithout = true
      return { refilter: () => Promise.resolve(), stop() {} }
    }
  }
}

function stopLater(subscription: Promise<Subscription>): void {
  subscription.then((one) => one.stop()).catch(() => undefined)
}
