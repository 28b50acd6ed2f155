/**
 * Whether the calls of an upstream have to wait, and until when: its operator has paused it, or its server is known to be
 * restarting. Each hold ends by itself.
 */
import type { Clock, Timer } from '../../base/clock.ts'
import { createLease, type Lease } from '../../base/lease.ts'

interface Restart {
  readonly reason: string
  readonly untilMs: number
}

export class Holds {
  readonly #clock: Clock
  readonly #changed: () => void
  #pausedUntilMs: number | undefined
  readonly #restarts = new Set<Restart>()
  #timer: Timer | undefined

  /** @param changed called whenever a hold has begun or ended, by itself as well */
  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock
    this.#changed = changed
  }

  get isHeld(): boolean {
    return this.#pausedUntilMs !== undefined || this.#restarts.size > 0
  }

  /** When the last hold ends by itself, in milliseconds of the clock; undefined if nothing is held. */
  get untilMs(): number | undefined {
    return this.isHeld ? Math.max(...this.#ends()) : undefined
  }

  /** When the pause ends by itself, in milliseconds of the clock; undefined if there is none. */
  get pausedUntilMs(): number | undefined {
    return this.#pausedUntilMs
  }

  /** Why the server is known to be restarting; undefined if it is not. */
  get restarting(): string | undefined {
    for (const { reason } of this.#restarts) return reason
    return undefined
  }

  /** Has calls wait until a time of the clock, at the latest. It takes the place of an earlier pause. */
  pause(untilMs: number): void {
    this.#pausedUntilMs = untilMs
    this.#look()
  }

  resume(): void {
    this.#pausedUntilMs = undefined
    this.#look()
  }

  /** The server is restarting: calls wait until the lease is released, or until a time of the clock. */
  restart(reason: string, untilMs: number): Lease {
    const restart = { reason, untilMs }
    this.#restarts.add(restart)
    this.#look()
    return createLease(() => {
      if (this.#restarts.delete(restart)) this.#look()
    })
  }

  /** Ends all holds. */
  clear(): void {
    this.#restarts.clear()
    this.resume()
  }

  #ends(): number[] {
    const ends = Array.from(this.#restarts, ({ untilMs }) => untilMs)
    return this.#pausedUntilMs === undefined ? ends : [this.#pausedUntilMs, ...ends]
  }

  /** Ends the holds whose time has come, and looks again when that of the next one has. */
  readonly #look = (): void => {
    this.#timer?.stop()
    const nowMs = this.#clock.now()
    if (this.#pausedUntilMs !== undefined && this.#pausedUntilMs <= nowMs) this.#pausedUntilMs = undefined
    for (const restart of this.#restarts) if (restart.untilMs <= nowMs) this.#restarts.delete(restart)
    this.#timer = this.isHeld ? this.#clock.after(Math.min(...this.#ends()) - nowMs, this.#look) : undefined
    this.#changed()
  }
}
