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
    // An upstream that cannot be subscribed to sends nothing; the client keeps what it has.
    this.#current = upstream
      .subscribe(this.#caller, this.#filter, this.#subscriber)
      .catch(() => ({ refilter: () => Promise.resolve(), stop() {} }))
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
}

function stopLater(subscription: Promise<Subscription>): void {
  subscription.then((one) => one.stop()).catch(() => undefined)
}
