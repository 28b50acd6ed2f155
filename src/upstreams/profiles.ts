/**
 * Which profiles of clients are told apart at the moment. Few, since what each is shown is learnt from a process of
 * its own; and only as long as somebody has them, so that nobody can use up the places for good.
 */
import type { Clock } from '../base/clock.ts'
import type { RawObject } from '../protocol/json-text.ts'

/** More at once are known by what they have in common with others; more than the second number, by nothing. */
const maxOwn = 8
const maxPlain = 16
const forgetMs = 60_000

/** The profile of a client that declares nothing: always told apart. */
export const noProfile = '{}'

export class Profiles {
  readonly #clock: Clock
  /** When somebody was last known by it. */
  readonly #usedMs = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** What a client is known by: its own profile, that without extensions and tasks, or none. */
  keyOf(announced: RawObject): string {
    if (announced.text === noProfile || this.#admits(announced.text, maxOwn)) return announced.text
    const { extensions: _, tasks: __, ...rest } = announced.value
    const plain = JSON.stringify(rest)
    return plain !== noProfile && this.#admits(plain, maxPlain) ? plain : noProfile
  }

  #admits(profile: string, bound: number): boolean {
    const now = this.#clock.now()
    if (!this.#usedMs.has(profile) && this.#usedMs.size >= bound) {
      for (const [known, usedMs] of this.#usedMs) if (now - usedMs >= forgetMs) this.#usedMs.delete(known)
      if (this.#usedMs.size >= bound) return false
    }
    this.#usedMs.set(profile, now)
    return true
  }
}
