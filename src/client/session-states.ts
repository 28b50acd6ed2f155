/** The states of a client's session and of its handshake, the moves between them, and waits for them. */
import { Broadcast } from '../base/broadcast.ts'
import type { Cancel } from '../base/cancel.ts'
import type { Clock } from '../base/clock.ts'

/**
 * - `absent`: there is no session, and none is being opened;
 * - `opening`: the client's `initialize` is on its way;
 * - `open`: messages can be sent;
 * - `renewing`: the server has forgotten the session, and it is being opened again;
 * - `ended`: the client is done.
 */
export type SessionState = 'absent' | 'opening' | 'open' | 'renewing' | 'ended'

/** How far the client's `notifications/initialized` is: some servers accept nothing before it. */
export type HandshakeState = 'awaited' | 'sending' | 'complete'

/** From which state a session may move to which. */
const moves: { readonly [From in SessionState]: readonly SessionState[] } = {
  absent: ['opening', 'ended'],
  opening: ['open', 'absent', 'renewing', 'ended'],
  open: ['renewing', 'ended'],
  renewing: ['open', 'absent', 'ended'],
  ended: [],
}

export class SessionStates {
  readonly #clock: Clock
  readonly #leaving: Cancel
  #session: SessionState = 'absent'
  #handshake: HandshakeState = 'awaited'
  /** Notified of each change of either. */
  readonly #changed = new Broadcast()

  /** @param leaving ends all waits */
  constructor(clock: Clock, leaving: Cancel) {
    this.#clock = clock
    this.#leaving = leaving
  }

  get session(): SessionState {
    return this.#session
  }

  get handshake(): HandshakeState {
    return this.#handshake
  }

  /** The only place where the state of the session changes. Throws for a move that no session makes. */
  move(to: SessionState): void {
    if (!moves[this.#session].includes(to)) throw new Error(`a session that is ${this.#session} cannot become ${to}`)
    this.#session = to
    this.#changed.notify()
  }

  setHandshake(to: 'sending' | 'complete'): void {
    this.#handshake = to
    this.#changed.notify()
  }

  /** Waits until something is true of the states. Returns false if it is not within `ms` milliseconds, or the client leaves. */
  async until(isTrue: (session: SessionState, handshake: HandshakeState) => boolean, ms: number): Promise<boolean> {
    const deadlineMs = this.#clock.now() + ms
    while (!isTrue(this.#session, this.#handshake)) {
      const leftMs = deadlineMs - this.#clock.now()
      if (leftMs <= 0 || this.#leaving.cancelled) return false
      await this.#changed.next(this.#clock, leftMs, [this.#leaving])
    }
    return true
  }
}
