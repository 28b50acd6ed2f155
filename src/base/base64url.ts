/**
 * Base64url as we write it ourselves, read strictly. Node's own decoder skips what does not belong there, takes padding
 * and the other alphabet, and drops bits that are left over: many texts would then mean the same bytes. [RFC 4648, 3.5 and 5]
 */

/** The bytes of a text in the one form that encodes them; undefined for any other text. */
export function fromBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}
