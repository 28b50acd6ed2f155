/** Parses a line of a client as JSON, within limits. */
import { Refusal } from '../../base/refusal.ts'
import { exceedsLimits } from '../../protocol/json-text.ts'
import { readMessage, type RpcId } from '../../protocol/jsonrpc.ts'

/** Deeper or larger JSON is refused before it is parsed. */
const maxDepth = 128
const maxMembers = 100_000

/** The id of a request; undefined for any other text. */
export function idIn(text: string): RpcId | undefined {
  try {
    const message = readMessage(text, parse(text))
    return message.kind === 'request' ? message.id : undefined
  } catch {
    return undefined
  }
}

/** Parses a line. Throws `parse_error`. */
export function parse(text: string): unknown {
  const message = 'The line is not valid JSON.'
  if (exceedsLimits(text, maxDepth, maxMembers)) throw new Refusal('parse_error', { message })
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Refusal('parse_error', { message, cause })
  }
}
