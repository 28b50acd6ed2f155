/** Random ids, and ids made of content. Session ids cannot be guessed; short ids only tell things apart. */
import { createHash, randomFillSync } from 'node:crypto'

/** Random bytes are drawn in larger amounts: to draw 32 costs as much as to draw 4,096. */
const pool = Buffer.alloc(4096)
let used = pool.length

/** Random bytes as base64url. They are wiped from the pool, so that no id can be read from memory later. */
function random(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const text = pool.toString('base64url', used, used + bytes)
  pool.fill(0, used, used + bytes)
  used += bytes
  return text
}

/** 256 random bits as 43 characters of base64url, for session ids: visible ASCII, as the transport requires. */
export function unguessableId(): string {
  return random(32)
}

/** 96 bits of a hash as 16 characters: equal for equal texts in the same order. */
export function contentId(texts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const text of texts) hash.update(`${text.length}:`).update(text)
  return hash.digest().subarray(0, 12).toString('base64url')
}

/** 48 random bits as 8 characters, for epochs, instances and error ids. Not a secret. */
export function shortId(): string {
  return random(6)
}
