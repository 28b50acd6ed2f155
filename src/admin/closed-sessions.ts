/** The sessions that have ended, the last 10,000 of them: why, how old they were, and what last went wrong. */
import { wallMs } from '../base/clock.ts'
import { detachedText } from '../base/detached-text.ts'
import type { EventSource, LastError, SessionEnd } from '../base/events.ts'
import { sessionLabel } from '../base/ids.ts'

export interface ClosedSession {
  readonly label: string
  readonly tenant: string
  readonly client: string | undefined
  readonly reason: SessionEnd
  /** In milliseconds since the epoch. */
  readonly endedAt: number
  readonly ageMs: number
  readonly calls: number
  readonly lastError: LastError | undefined
}

export interface ClosedSessionPage {
  readonly skip: number
  readonly limit: number
  /** Only those of clients whose name has this in it, in any case. */
  readonly client?: string | undefined
  readonly tenant?: string | undefined
  readonly reason?: string | undefined
}

const most = 10_000

export class ClosedSessions {
  /** A ring: when it is full, the next one takes the place of the oldest. */
  #ended: ClosedSession[] = []
  #next = 0

  /** Listens from now on, for as long as the gateway lives. */
  constructor(events: EventSource) {
    events.on('sessionEnded', ({ session, tenant, client, reason, ageMs, calls, lastError }) => {
      this.#ended[this.#next] = {
        label: sessionLabel(session),
        tenant: detachedText(tenant),
        // A slice would keep the whole handshake of the client.
        client: client === undefined ? undefined : detachedText(client),
        reason,
        endedAt: wallMs(),
        ageMs,
        calls,
        lastError,
      }
      this.#next = (this.#next + 1) % most
    })
  }

  /** Forgets those of a tenant. @returns how many there were */
  forget(tenant: string): number {
    const before = this.#ended.length
    // The oldest first, as if no more had ended.
    const inOrder = [...this.#ended.slice(this.#next), ...this.#ended.slice(0, this.#next)]
    this.#ended = inOrder.filter((one) => one.tenant !== tenant)
    this.#next = this.#ended.length % most
    return before - this.#ended.length
  }

  /** Those that pass, the last one first. */
  page({ skip, limit, client, tenant, reason }: ClosedSessionPage): {
    readonly total: number
    readonly sessions: readonly ClosedSession[]
  } {
    const wanted = client?.toLowerCase()
    const sessions: ClosedSession[] = []
    let total = 0
    const { length } = this.#ended
    for (let back = 1; back <= length; back++) {
      const one = this.#ended[(this.#next - back + most) % most]
      if (!one || (reason !== undefined && one.reason !== reason)) continue
      if (tenant !== undefined && one.tenant !== tenant) continue
      if (wanted !== undefined && one.client?.toLowerCase().includes(wanted) !== true) continue
      if (total >= skip && sessions.length < limit) sessions.push(one)
      total++
    }
    return { total, sessions }
  }
}
