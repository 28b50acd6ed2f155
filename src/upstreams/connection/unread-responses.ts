/**
 * Answers to what a server asks of its own accord, such as pings and questions. Nothing keeps it from asking, so one
 * that does not read what it gets is not listened to until it does, and is given up if that lasts.
 */
import type { Clock, Timer } from '../../base/clock.ts'

/** Answers that may wait for it. In bytes: thousands of small ones. */
const mostBytes = 256 * 1024
/** Less than this in its pipe is no sign that it does not read. */
const freeBytes = 64 * 1024
const longestMs = 30_000

export interface UnreadNeeds {
  readonly clock: Clock
  /** How long a server may be silent, in milliseconds; half a minute at most is waited for it to read. */
  readonly idleMs: number
  /** What waits for the server to read it, in bytes. */
  readonly backlog: () => number
  /** Stops or goes on to listen to the server. */
  readonly hold: (isHeld: boolean) => void
  /** The server has not read in that time although it had asked. */
  readonly stuck: () => void
}

export class UnreadResponses {
  readonly #needs: UnreadNeeds
  #bytes = 0
  #timer: Timer | undefined

  constructor(needs: UnreadNeeds) {
    this.#needs = needs
  }

  /** An answer was sent. */
  sent(bytes: number): void {
    this.#bytes = this.#needs.backlog() > freeBytes ? this.#bytes + bytes : 0
    if (this.#bytes < mostBytes || this.#timer) return
    this.#needs.hold(true)
    this.#timer = this.#needs.clock.after(Math.min(longestMs, this.#needs.idleMs), this.#needs.stuck)
  }

  /** The server has read everything. */
  drained(): void {
    this.#bytes = 0
    if (!this.#timer) return
    this.close()
    this.#needs.hold(false)
  }

  /** The server is gone. */
  close(): void {
    this.#timer?.stop()
    this.#timer = undefined
  }
}
