/** What went wrong within the last hour, counted by reason, tenant, client, tool and upstream. */
import { type Clock, wallMs } from '../base/clock.ts'
import { detachedText } from '../base/detached-text.ts'
import type { EventSource } from '../base/events.ts'

export interface ErrorCount {
  readonly reason: string
  /** Undefined if the caller was not known yet. */
  readonly tenant: string | undefined
  readonly client: string | undefined
  readonly tool: string | undefined
  readonly upstream: string | undefined
  readonly count: number
  /** In milliseconds since the epoch. */
  readonly lastAt: number
}

type ErrorKind = Pick<ErrorCount, 'reason' | 'tenant' | 'client' | 'tool' | 'upstream'>

interface Counted extends ErrorKind {
  count: number
  lastAt: number
}

interface Minute {
  readonly number: number
  readonly kinds: Map<string, Counted>
}

const minuteMs = 60_000
const minutes = 60

/**
 * Clients name themselves as they like: beyond so many kinds in a minute, errors are counted by reason and tenant, so that
 * those of one tenant do not hide those of others; and beyond twice as many, by reason alone.
 */
const mostKinds = 100

/** Calls that ended so are not errors: the client wanted it. */
const noErrors: ReadonlySet<string> = new Set(['ok', 'cancelled'])

export class RecentErrors {
  readonly #clock: Clock
  #minutes: Minute[] = []

  /** Listens from now on, for as long as the gateway lives. */
  constructor(events: EventSource, clock: Clock) {
    this.#clock = clock
    events.on('callEnded', ({ status, tenant, client, tool, upstream }) => {
      if (!noErrors.has(status)) this.#count({ reason: status, tenant, client, tool, upstream })
    })
    events.on('refused', ({ code, tenant, client }) =>
      this.#count({ reason: code, tenant, client, tool: undefined, upstream: undefined }),
    )
  }

  /** The most frequent first. @param most how many kinds at most @param tenant only those of this one */
  list(most: number, tenant?: string): { readonly total: number; readonly errors: readonly ErrorCount[] } {
    this.#forget()
    const sums = new Map<string, Counted>()
    let total = 0
    for (const { kinds } of this.#minutes)
      for (const [key, kind] of kinds) {
        if (tenant !== undefined && kind.tenant !== tenant) continue
        total += kind.count
        const sum = sums.get(key)
        if (!sum) sums.set(key, { ...kind })
        else {
          sum.count += kind.count
          sum.lastAt = kind.lastAt
        }
      }
    const errors = [...sums.values()].toSorted((one, other) => other.count - one.count)
    return { total, errors: errors.slice(0, most) }
  }

  /** Forgets those of a tenant; those that are counted by reason alone have none. @returns how many errors there were */
  forget(tenant: string): number {
    let forgotten = 0
    for (const { kinds } of this.#minutes)
      for (const [key, kind] of kinds) {
        if (kind.tenant !== tenant) continue
        forgotten += kind.count
        kinds.delete(key)
      }
    return forgotten
  }

  #count(kind: ErrorKind): void {
    const number = this.#minute()
    let minute = this.#minutes.at(-1)
    if (minute?.number !== number) {
      this.#forget()
      minute = { number, kinds: new Map() }
      this.#minutes.push(minute)
    }
    const { kinds } = minute
    const key = keyOf(kind)
    const known = kinds.get(key)
    if (known) return added(known)
    if (kinds.size < mostKinds) return void kinds.set(key, begun(kind))
    const { reason, tenant } = kind
    const ofTenant: ErrorKind = { reason, tenant, client: undefined, tool: undefined, upstream: undefined }
    const hasRoom = kinds.size < 2 * mostKinds || kinds.has(keyOf(ofTenant))
    const rest = hasRoom ? ofTenant : { ...ofTenant, tenant: undefined }
    const counted = kinds.get(keyOf(rest))
    if (counted) added(counted)
    else kinds.set(keyOf(rest), begun(rest))
  }

  #minute(): number {
    return Math.floor(this.#clock.now() / minuteMs)
  }

  #forget(): void {
    const first = this.#minute() - minutes
    this.#minutes = this.#minutes.filter(({ number }) => number > first)
  }
}

function keyOf({ reason, tenant = '', client = '', tool = '', upstream = '' }: ErrorKind): string {
  return JSON.stringify([reason, tenant, client, tool, upstream])
}

function begun({ reason, tenant, client, tool, upstream }: ErrorKind): Counted {
  // A slice would keep the whole message that the name came with.
  return {
    reason,
    tenant: tenant && detachedText(tenant),
    client: client && detachedText(client),
    tool,
    upstream,
    count: 1,
    lastAt: wallMs(),
  }
}

function added(counted: Counted): void {
  counted.count++
  counted.lastAt = wallMs()
}
