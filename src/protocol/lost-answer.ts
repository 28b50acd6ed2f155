/** Which request a response answered that is too large to be kept, by its beginning and its end. Pure. */

/** SDKs write the id near the beginning, or as the last or next to last member. */
const first = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,16})\s*,/
const last = /,\s*"id"\s*:\s*(\d{1,16})\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/

/**
 * The id, if it is a number and stands where it cannot be a part of something else: right behind the opening brace of
 * the message, or right before its closing one. A request of the server may have an id there as well.
 */
export function idAtEdges(head: string, tail: string): number | undefined {
  const found = first.exec(head) ?? last.exec(tail)
  return found ? Number(found[1]) : undefined
}
