/**
 * A copy that stands for itself: a part of a text may keep alive the whole text that it was cut from, which matters
 * where a small part outlives a large text.
 * @param text without lone surrogates, as all text is that was read from UTF-8
 */
export function detachedText(text: string): string {
  return Buffer.from(text).toString()
}
