/** A member of a router, and the time that it gets to answer where others wait for it. */
import type { Clock } from '../base/clock.ts'
import { asRefusal } from '../base/refusal.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Upstream } from '../upstreams/upstream.ts'

export interface Member {
  /** 1 to 64 of the characters `A-Z a-z 0-9 _ -`. */
  readonly name: string
  readonly upstream: Upstream
  readonly catalog: Catalog
  /** Set until it has started: its lists are waited for until then, within the deadline of the start. */
  readonly starting?: MemberStart
}

/**
 * The start of a member. All that waits for it has one deadline: the time that the others wait for a member begins with
 * the first of them. So a server that hangs at its start delays the clients once, not with each list.
 */
export class MemberStart {
  /** Resolves when the start has succeeded or failed. */
  readonly over: Promise<void>
  /** When it was first waited for, in milliseconds of the clock. */
  #waitedSinceMs: number | undefined

  constructor(over: Promise<void>) {
    this.over = over
  }

  /**
   * How long it may be waited for from now on, in milliseconds; 0 if that is over.
   * @param ms how long the others wait for a member
   */
  waitMs(ms: number, clock: Clock): number {
    const nowMs = clock.now()
    this.#waitedSinceMs ??= nowMs
    return Math.max(0, this.#waitedSinceMs + ms - nowMs)
  }
}

/** A member whose part is missing in an answer, and why: in words that may be sent to clients. */
export interface Missing {
  readonly member: string
  readonly reason: string
}

/** What a member gave, or why there is nothing of it. */
export type Given<T> = { readonly value: T } | { readonly missing: Missing; readonly error?: Error }

export function isMissing<T>(given: Given<T>): given is Extract<Given<T>, { readonly missing: Missing }> {
  return 'missing' in given
}

/**
 * Waits for a member, but not longer than `ms`. What comes later is dropped. Never rejects.
 * @param onLate called when the member has answered all the same
 */
export function ofMember<T>(
  member: string,
  wanted: Promise<T>,
  ms: number,
  clock: Clock,
  onLate?: () => void,
): Promise<Given<T>> {
  return new Promise((resolve) => {
    let isLate = false
    const timer = clock.after(ms, () => {
      isLate = true
      resolve({ missing: { member, reason: 'It does not answer in time.' } })
    })
    const settle = (given: Given<T>): void => {
      timer.stop()
      resolve(given)
    }
    wanted.then(
      (value) => {
        if (isLate) onLate?.()
        settle({ value })
      },
      (error: unknown) =>
        settle({
          missing: { member, reason: asRefusal(error)?.message ?? 'It has failed.' },
          error: error instanceof Error ? error : new Error(String(error)),
        }),
    )
  })
}
