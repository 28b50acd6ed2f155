/**
 * Which clients have lists of their own name: a server may list other tools to a client that it knows. Clients invent
 * names, and to learn the lists of one takes a worker, so only a few names are kept apart at a time. The least recently
 * used makes way once it was unused for a while; further clients are listed what clients of any name are.
 */
import type { Clock } from '../../base/clock.ts'
import type { ClientDescription } from '../../protocol/call.ts'

const maxNames = 16
const leastMs = 60_000
/** Longer names and versions are not kept apart. In characters. */
const maxChars = 128

export class ClientNames {
  readonly #clock: Clock
  /** When each name was last used, the least recently used first. */
  readonly #usedMs = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The key of the name and version of a client, as JSON of its client info; undefined if it is not kept apart. */
  keyOf({ info }: ClientDescription): string | undefined {
    const { name, version } = info ?? {}
    if (typeof name !== 'string' || name === '' || name.length > maxChars) return undefined
    if (version !== undefined && (typeof version !== 'string' || version.length > maxChars)) return undefined
    const key = JSON.stringify({ name, version })
    return this.#admits(key) ? key : undefined
  }

  #admits(key: string): boolean {
    const now = this.#clock.now()
    const used = this.#usedMs
    if (!used.has(key) && used.size >= maxNames) {
      const [oldest] = used
      if (oldest && now - oldest[1] < leastMs) return false
      if (oldest) used.delete(oldest[0])
    }
    // Once a second is enough to know which is the least recently used.
    if (now - (used.get(key) ?? 0) < 1000) return true
    used.delete(key)
    used.set(key, now)
    return true
  }
}
