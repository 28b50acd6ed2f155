/** Splits a long text into pieces, so that only as much of it is buffered as its reader takes. Pure. */

/** The length of a piece, in characters. A shorter text is sent as a whole. */
export const pieceLength = 65_536

/** The pieces of a text. No surrogate pair is split. */
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
