/**
 * Which profiles of clients are told apart. Those without extensions are a closed set and always are, so that no odd
 * client takes a usual one's place. With extensions there could be any number: a few at a time, and only as long as
 * somebody has them; more are known by what is left without.
 */
import type { Clock } from '../../base/clock.ts'
import { usualProfile } from '../../protocol/capabilities.ts'
import { isObject, type RawObject } from '../../protocol/json-text.ts'

const maxWithExtensions = 16
const forgetMs = 60_000
/** Longer ones are kept for nobody: extensions may say anything. */
const maxChars = 4096

/** The profile of a client that declares nothing. */
export const noProfile = '{}'

export class ProfileKeys {
  readonly #clock: Clock
  /** When somebody was last known by a profile with extensions. */
  readonly #usedMs = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** What a client is known by: its own profile, or that without extensions. */
  keyOf(announced: RawObject): string {
    const { extensions } = announced.value
    const hasAny = isObject(extensions) && Object.keys(extensions).length > 0
    return hasAny && this.#admits(announced.text) ? announced.text : usualProfile(announced).text
  }

  #admits(profile: string): boolean {
    if (profile.length > maxChars) return false
    const now = this.#clock.now()
    if (!this.#usedMs.has(profile) && this.#usedMs.size >= maxWithExtensions) {
      for (const [known, usedMs] of this.#usedMs) if (now - usedMs >= forgetMs) this.#usedMs.delete(known)
      if (this.#usedMs.size >= maxWithExtensions) return false
    }
    this.#usedMs.set(profile, now)
    return true
  }
}
