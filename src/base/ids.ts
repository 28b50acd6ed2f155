/** Random names, and names of texts. Unguessable ones come from the system's generator; short ones only tell things apart. */
import { createHash, randomBytes } from 'node:crypto'

/** 256 random bits as 43 characters of base64url: session ids. Visible ASCII, as the transport demands. */
export function unguessableId(): string {
  return randomBytes(32).toString('base64url')
}

/** 96 bits as 16 characters, the same for the same texts in the same order. */
export function contentId(texts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const text of texts) hash.update(`${text.length}:`).update(text)
  return hash.digest().subarray(0, 12).toString('base64url')
}

/** 48 random bits as 8 characters: epochs, instances, opaque error ids. Not a secret. */
export function shortId(): string {
  return randomBytes(6).toString('base64url')
}
