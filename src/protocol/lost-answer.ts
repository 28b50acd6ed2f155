/** Identifies a message that is too large to be kept, by its beginning and its end. Pure. */

/** SDKs write the id near the beginning, or as the last or next to last member. */
const first = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*"?(\d{1,16})"?\s*,/
const last = /,\s*"id"\s*:\s*"?(\d{1,16})"?\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/

/**
 * The id, if it is a number (perhaps in quotes, as some servers echo it) right after the opening brace of the message or right
 * before the closing one, where it cannot be part of another value. A request of the server may have an id there too.
 */
export function idAtEdges(head: string, tail: string): number | undefined {
  const found = first.exec(head) ?? last.exec(tail)
  return found ? Number(found[1]) : undefined
}

/** An answer, by its first member besides version and id. */
const answers =
  /^\s*\[?\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?(?:"id"\s*:\s*[^,{}[\]]{1,100},\s*)?"(?:result|error)"\s*:/

/** Whether a message is certainly an answer, by its beginning. False if it begins with other members. */
export function isAnswerAtEdges(head: string): boolean {
  return answers.test(head)
}

const method =
  /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?(?:"id"\s*:\s*(?:"[^"\\]{0,100}"|\d{1,16})\s*,\s*)?"method"\s*:\s*"/
const firstId = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*("[^"\\]{0,100}"|\d{1,16})\s*,/
const lastId = /,\s*"id"\s*:\s*("[^"\\]{0,100}"|\d{1,16})\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/

/**
 * The id of a request, exactly as written, if the message is certainly a request; undefined for a notification, or if the
 * message begins with other members than usual.
 */
export function requestIdAtEdges(head: string, tail: string): string | undefined {
  if (!method.test(head)) return undefined
  return (firstId.exec(head) ?? lastId.exec(tail))?.[1]
}
