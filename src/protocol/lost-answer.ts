/** What a message was that is too large to be kept, by its beginning and its end. Pure. */

/** SDKs write the id near the beginning, or as the last or next to last member. */
const first = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*"?(\d{1,16})"?\s*,/
const last = /,\s*"id"\s*:\s*"?(\d{1,16})"?\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/

/**
 * The id, if it is a number, or one in quotes as some servers echo it, and stands where it cannot be a part of something else: right behind the opening brace of
 * the message, or right before its closing one. A request of the server may have an id there as well.
 */
export function idAtEdges(head: string, tail: string): number | undefined {
  const found = first.exec(head) ?? last.exec(tail)
  return found ? Number(found[1]) : undefined
}

/** The first member of an answer, but for what every message has. */
const answers =
  /^\s*\[?\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?(?:"id"\s*:\s*[^,{}[\]]{1,100},\s*)?"(?:result|error)"\s*:/

/** Whether a message is an answer for certain, by its beginning. One that begins with other members may be none. */
export function isAnswerAtEdges(head: string): boolean {
  return answers.test(head)
}

const method =
  /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?(?:"id"\s*:\s*(?:"[^"\\]{0,100}"|\d{1,16})\s*,\s*)?"method"\s*:\s*"/
const firstId = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*("[^"\\]{0,100}"|\d{1,16})\s*,/
const lastId = /,\s*"id"\s*:\s*("[^"\\]{0,100}"|\d{1,16})\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/

/**
 * The id of a request, as it was written, if the message is a request for certain. A message that is a notification, or
 * that begins with other members than the usual ones, has none.
 */
export function requestIdAtEdges(head: string, tail: string): string | undefined {
  if (!method.test(head)) return undefined
  return (firstId.exec(head) ?? lastId.exec(tail))?.[1]
}
