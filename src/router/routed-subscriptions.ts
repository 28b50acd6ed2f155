/**
 * Subscriptions to what the members send outside of calls. Each is subscribed at every member, with the part of its
 * filter that is the member's; the members may be replaced meanwhile. Changes of lists that follow each other are passed
 * on as one, because a change in one member often comes with others.
 */
import type { Clock, Timer } from '../base/clock.ts'
import type { Caller, Filter, Notification, Update } from '../protocol/call.ts'
import type { Subscriber, Subscription } from '../upstreams/upstream.ts'
import { type Member, ofMember } from './member.ts'
import type { Members } from './members.ts'
import { translatedUpdate } from './routed-reply.ts'

/** Changes of lists within this time are passed on as one, in milliseconds. */
const gatherMs = 50

/** The notification of a changed list, and the member of a filter that asks for it. */
const listChanges = {
  'notifications/tools/list_changed': 'toolsListChanged',
  'notifications/prompts/list_changed': 'promptsListChanged',
  'notifications/resources/list_changed': 'resourcesListChanged',
} as const

export interface RoutedSubscriptions {
  /** Throws what the members throw, if all of them do. */
  subscribe(caller: Caller, filter: Filter, subscriber: Subscriber): Promise<Subscription>
  /** Subscribes everyone at members that are new, and tells all of them that the lists have changed. */
  changed(): void
  /** Ends all subscriptions. */
  close(): void
}

interface SubscriptionNeeds {
  readonly members: Members
  readonly memberWaitMs: number
  readonly clock: Clock
}

export function createRoutedSubscriptions(needs: SubscriptionNeeds): RoutedSubscriptions {
  const open = new Set<RoutedSubscription>()
  return {
    async subscribe(caller, filter, subscriber) {
      const routed = new RoutedSubscription(caller, filter, subscriber, needs, () => open.delete(routed))
      open.add(routed)
      try {
        await routed.begin()
      } catch (error) {
        routed.stop()
        throw error
      }
      return routed
    },
    changed() {
      for (const routed of open) routed.membersChanged()
    },
    close() {
      for (const routed of open) routed.stop()
    },
  }
}

class RoutedSubscription implements Subscription {
  readonly #caller: Caller
  readonly #subscriber: Subscriber
  readonly #needs: SubscriptionNeeds
  readonly #onStop: () => void
  /** The subscriptions at the members, which may still be under way. */
  readonly #parts = new Map<Member, Promise<Subscription>>()
  /** The changes that are passed on when the timer is due: at most one for each list. */
  readonly #gathered = new Map<string, Notification>()
  #filter: Filter
  #timer: Timer | undefined
  #isStopped = false

  constructor(caller: Caller, filter: Filter, subscriber: Subscriber, needs: SubscriptionNeeds, onStop: () => void) {
    this.#caller = caller
    this.#filter = filter
    this.#subscriber = subscriber
    this.#needs = needs
    this.#onStop = onStop
  }

  /** Throws the error of the first member if all of them fail. */
  async begin(): Promise<void> {
    const given = await Promise.all(this.#needs.members.list.map((member) => this.#at(member)))
    const [first] = given
    if (first && 'missing' in first && first.error !== undefined && given.every((one) => 'missing' in one))
      throw first.error
  }

  async refilter(filter: Filter): Promise<void> {
    this.#filter = filter
    await Promise.all(
      this.#needs.members.list.map((member) => {
        const part = this.#parts.get(member)
        if (!part) return this.#at(member)
        const refiltered = part.then((one) => one.refilter(this.#filterFor(member)))
        return ofMember(member.name, refiltered, this.#needs.memberWaitMs, this.#needs.clock)
      }),
    )
  }

  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#timer?.stop()
    this.#gathered.clear()
    for (const part of this.#parts.values()) void stopPart(part)
    this.#parts.clear()
    this.#onStop()
  }

  membersChanged(): void {
    const { list } = this.#needs.members
    for (const [member, part] of this.#parts) {
      if (list.includes(member)) continue
      this.#parts.delete(member)
      void stopPart(part)
    }
    for (const member of list) if (!this.#parts.has(member)) void this.#at(member)
    for (const [method, key] of Object.entries(listChanges)) {
      if (this.#filter[key]) this.#gather({ kind: 'notification', method, params: undefined })
    }
  }

  /** Subscribes at a member; it is tried again with the next filter or change of members if it fails. */
  #at(member: Member): ReturnType<typeof ofMember<Subscription>> {
    const { members, memberWaitMs, clock } = this.#needs
    const part = (async (): Promise<Subscription> => {
      const translation = members.translationOf(member.name)
      const subscription = await member.upstream.subscribe(this.#caller, this.#filterFor(member), {
        deliver: (update) => {
          if (this.#parts.get(member) === part)
            this.#deliver(translation ? translatedUpdate(update, translation) : update)
        },
        isRead: () => this.#subscriber.isRead(),
      })
      return subscription
    })()
    this.#parts.set(member, part)
    part.catch(() => {
      if (this.#parts.get(member) === part) this.#parts.delete(member)
    })
    return ofMember(member.name, part, memberWaitMs, clock)
  }

  #filterFor({ name }: Member): Filter {
    const { view, naming } = this.#needs.members
    const resourceUris = new Set<string>()
    for (const shown of this.#filter.resourceUris) {
      const found = naming.uris.find(shown)
      if (found?.member === name && view.seesResource(name, found.own)) resourceUris.add(found.own)
    }
    return { ...this.#filter, resourceUris }
  }

  #deliver(update: Update): void {
    if (update.kind === 'notification' && Object.hasOwn(listChanges, update.method)) this.#gather(update)
    else this.#subscriber.deliver(update)
  }

  #gather(change: Notification): void {
    this.#gathered.set(change.method, { ...change })
    this.#timer ??= this.#needs.clock.after(gatherMs, () => {
      this.#timer = undefined
      const changes = [...this.#gathered.values()]
      this.#gathered.clear()
      for (const one of changes) this.#subscriber.deliver(one)
    })
  }
}

async function stopPart(part: Promise<Subscription>): Promise<void> {
  const subscription = await part.catch(() => undefined)
  subscription?.stop()
}
