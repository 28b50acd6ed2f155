/** A long text in pieces, so that no more of it is on its way at a time than its reader takes. Pure. */

/** A text up to this length goes out in one piece; a longer one in pieces of it. In characters. */
export const pieceLength = 65_536

/** The pieces of a text. No character is split. */
export function* textChunks(text: string): Generator<string> {
  for (let at = 0; at < text.length;) {
    let end = Math.min(at + pieceLength, text.length)
    if (end < text.length && isHighSurrogate(text.charCodeAt(end - 1))) end--
    yield text.slice(at, end)
    at = end
  }
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff
}
