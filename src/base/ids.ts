/** Random ids, and ids made of content. Session ids cannot be guessed; short ids only tell things apart. */
import { createHash, hash as hashOf, randomFillSync } from 'node:crypto'

/** Random bytes, drawn 4,096 at a time: that costs as much as to draw 32. */
class RandomBytes {
  readonly #pool = Buffer.alloc(4096)
  #used = this.#pool.length

  /** As base64url. They are wiped from the pool, so that no id can be read from memory later. */
  take(bytes: number): string {
    if (this.#used + bytes > this.#pool.length) {
      randomFillSync(this.#pool)
      this.#used = 0
    }
    const end = this.#used + bytes
    const text = this.#pool.toString('base64url', this.#used, end)
    this.#pool.fill(0, this.#used, end)
    this.#used = end
    return text
  }
}

/** Shared by all gateways of the process: no two of them get the same bytes. */
const random = new RandomBytes()

/** 256 random bits as 43 characters of base64url, for session ids: visible ASCII, as the transport requires. */
export function unguessableId(): string {
  return random.take(32)
}

/** 96 bits of a hash as 16 characters: equal for equal texts in the same order. */
export function contentId(texts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const text of texts) hash.update(`${text.length}:`).update(text)
  return hash.digest().subarray(0, 12).toString('base64url')
}

/** The first eight characters of the hash of a session id: distinguishes sessions, and gives access to none. */
export function sessionLabel(session: string): string {
  return hashOf('sha256', session).slice(0, 8)
}

/** 48 random bits as 8 characters, for epochs, instances and error ids. Not a secret. */
export function shortId(): string {
  return random.take(6)
}
