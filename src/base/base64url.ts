/**
 * Base64url, decoded strictly: only the exact text that our encoder writes is accepted. Node's own decoder skips foreign
 * characters, accepts padding and the other alphabet, and drops spare bits: many texts would then mean the same bytes.
 * [RFC 4648, 3.5 and 5]
 */

/** The bytes of a text in the one form that encodes them; undefined for any other text. */
export function fromBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}
