/**
 * Which capability profiles are kept apart. Profiles without extensions are a closed set and always kept apart, so that
 * no client with extensions displaces one without. There is no limit to profiles with extensions, so only a few are kept apart
 * at a time, as long as clients use them; further clients are treated as if they had declared no extensions.
 */
import type { Clock } from '../../base/clock.ts'
import { profileWithoutExtensions } from '../../protocol/capabilities.ts'
import { isObject, type RawObject } from '../../protocol/json-text.ts'

const maxWithExtensions = 16
const forgetMs = 60_000
/** Longer profiles are never kept: extensions may hold anything. In characters. */
const maxChars = 4096

/** The profile of a client that declares nothing. */
export const emptyProfile = '{}'

export class ProfileKeys {
  readonly #clock: Clock
  /** When each profile with extensions was last used. */
  readonly #usedMs = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The profile that a client is treated by: its own, or that without extensions. */
  keyOf(announced: RawObject): string {
    const { extensions } = announced.value
    const hasAny = isObject(extensions) && Object.keys(extensions).length > 0
    return hasAny && this.#admits(announced.text) ? announced.text : profileWithoutExtensions(announced).text
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
