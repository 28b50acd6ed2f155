/**
 * The end of a process group, step by step: SIGTERM after a while, SIGKILL 3 s later, until nobody of it is left.
 * Closing the child's input, the gentlest step, is the caller's, and so is telling when the leader exited.
 */
import type { Clock, Timer } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { groupExists, signalGroup } from './group.ts'

/** From SIGTERM to SIGKILL. */
const killAfterMs = 3000
/** From SIGKILL to giving up: only zombies that nobody collects, or a hung kernel, outlast it. */
const giveUpAfterMs = 2000
const firstLookMs = 10
const lastLookMs = 160

export class Ladder {
  readonly #pgid: number
  readonly #clock: Clock
  readonly #log: Log
  readonly #onGone: () => void
  /** The next step. */
  #step: Timer | undefined
  #look: Timer | undefined
  #state: 'running' | 'ending' | 'killed' | 'gone' = 'running'
  #leaderExited = false

  /** `onGone` is called once, when no process of the group is left. */
  constructor(pgid: number, clock: Clock, log: Log, onGone: () => void) {
    this.#pgid = pgid
    this.#clock = clock
    this.#log = log
    this.#onGone = onGone
  }

  /** Begins the end: SIGTERM in `termAfterMs` milliseconds. Changes nothing when it has begun. */
  begin(termAfterMs: number): void {
    if (this.#state !== 'running') return
    this.#state = 'ending'
    if (termAfterMs > 0) this.#step = this.#clock.after(termAfterMs, () => this.#terminate())
    else this.#terminate()
  }

  /** SIGKILL at once. */
  kill(): void {
    if (this.#state === 'killed' || this.#state === 'gone') return
    this.#state = 'killed'
    this.#step?.stop()
    signalGroup(this.#pgid, 'SIGKILL')
    this.#step = this.#clock.after(giveUpAfterMs, () => this.#giveUp())
  }

  /** The leader was collected: from now on the group may be gone. Whoever is left is ended too. */
  leaderExited(): void {
    this.#leaderExited = true
    if (!groupExists(this.#pgid)) {
      this.#gone()
      return
    }
    this.begin(0)
    this.#lookIn(firstLookMs)
  }

  #terminate(): void {
    signalGroup(this.#pgid, 'SIGTERM')
    this.#step = this.#clock.after(killAfterMs, () => this.kill())
  }

  #lookIn(ms: number): void {
    if (this.#state === 'gone') return
    this.#look = this.#clock.after(ms, () => {
      if (groupExists(this.#pgid)) this.#lookIn(Math.min(ms * 2, lastLookMs))
      else this.#gone()
    })
  }

  #giveUp(): void {
    const hint = this.#leaderExited
      ? 'zombies stay when nobody collects them: run under an init'
      : 'the kernel holds it'
    this.#log.warn({ upstream_pid: this.#pgid, hint }, 'a process group did not end')
    this.#gone()
  }

  #gone(): void {
    if (this.#state === 'gone') return
    this.#state = 'gone'
    this.#step?.stop()
    this.#look?.stop()
    this.#onGone()
  }
}
