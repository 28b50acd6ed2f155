/**
 * Responses to requests of a server, such as pings and input requests. A server can send requests without end, so if it
 * does not read the responses, we stop reading its output until it does, and give it up after a while.
 */
import type { Clock, Timer } from '../../base/clock.ts'

/** Unread responses that may wait, in bytes: thousands of small ones. */
const mostBytes = 256 * 1024
/** A backlog up to this does not show that the server does not read. In bytes. */
const freeBytes = 64 * 1024
const longestMs = 30_000

export interface UnreadNeeds {
  readonly clock: Clock
  /** How long to wait for the server to read, in milliseconds; half a minute at most. */
  readonly idleMs: number
  /** Bytes that the server has not read. */
  readonly backlog: () => number
  /** Stops or resumes reading the output of the server. */
  readonly hold: (isHeld: boolean) => void
  /** The server has not read its responses in that time. */
  readonly notReading: () => void
}

export class UnreadResponses {
  readonly #needs: UnreadNeeds
  #bytes = 0
  #timer: Timer | undefined

  constructor(needs: UnreadNeeds) {
    this.#needs = needs
  }

  /** A response was sent. */
  sent(bytes: number): void {
    this.#bytes = this.#needs.backlog() > freeBytes ? this.#bytes + bytes : 0
    if (this.#bytes < mostBytes || this.#timer) return
    this.#needs.hold(true)
    this.#timer = this.#needs.clock.after(Math.min(longestMs, this.#needs.idleMs), this.#needs.notReading)
  }

  /** The server has read everything. */
  drained(): void {
    this.#bytes = 0
    if (!this.#timer) return
    this.close()
    this.#needs.hold(false)
  }

  /** The worker has ended. */
  close(): void {
    this.#timer?.stop()
    this.#timer = undefined
  }
}
