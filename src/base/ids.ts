/** Random ids, and ids made of content. Session ids cannot be guessed; short ids only tell things apart. */
import { createHash, randomBytes } from 'node:crypto'

/** 256 random bits as 43 characters of base64url, for session ids: visible ASCII, as the transport requires. */
export function unguessableId(): string {
  return randomBytes(32).toString('base64url')
}

/** 96 bits of a hash as 16 characters: equal for equal texts in the same order. */
export function contentId(texts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const text of texts) hash.update(`${text.length}:`).update(text)
  return hash.digest().subarray(0, 12).toString('base64url')
}

/** 48 random bits as 8 characters, for epochs, instances and error ids. Not a secret. */
export function shortId(): string {
  return randomBytes(6).toString('base64url')
}
