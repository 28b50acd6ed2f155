/** Answers of clients to what a handler asks them, checked: a client may answer anything. */
import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts'
import type { ElicitResult } from '../../use-call/tool-call.ts'

/** The answer to `elicitation/create`. Throws an `Error` for the author of the server if it is none. */
export function elicitResult({ action, content }: JsonObject): ElicitResult {
  const isAction = action === 'accept' || action === 'decline' || action === 'cancel'
  if (!isAction || (content !== undefined && !isObject(content)))
    throw new Error('elicitation/create: the client has sent an answer of another form')
  return content === undefined ? { action } : { action, content }
}

/** Whether an entry of the answer to `roots/list` is a root. */
export function isRoot(entry: JsonValue): entry is JsonObject & { readonly uri: string; readonly name?: string } {
  return (
    isObject(entry) &&
    typeof entry['uri'] === 'string' &&
    (entry['name'] === undefined || typeof entry['name'] === 'string')
  )
}
