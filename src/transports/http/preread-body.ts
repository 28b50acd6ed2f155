/**
 * Recovers a body that was read before the request reached mcplex, for example by a body parser in front of a mounted
 * handler. Raw bytes are preferred: a parsed body that is serialized again may differ in numbers that JavaScript cannot
 * hold exactly.
 */
import { Refusal } from '../../base/refusal.ts'
import { textOf } from './body-chunks.ts'

/**
 * The text of the body, from `request.rawBody` or `request.body`.
 * @throws Refusal `request_too_large`, `parse_error`; an Error that says what to do if neither has the body
 */
export function prereadBody(request: object, maxBytes: number): string {
  const text = read('rawBody' in request ? request.rawBody : undefined) ?? parsedBody(request)
  if (text === undefined)
    throw new Error(
      'something read the body of this request before mcplex got it: mount mcplex before body parsers, or leave what was read at request.body',
    )
  if (text.length > maxBytes || Buffer.byteLength(text) > maxBytes) throw new Refusal('request_too_large')
  return text
}

function parsedBody(request: object): string | undefined {
  const body = 'body' in request ? request.body : undefined
  return read(body) ?? (body === undefined ? undefined : serialized(body))
}

function read(body: unknown): string | undefined {
  if (typeof body === 'string') return body
  return body instanceof Uint8Array ? textOf(body) : undefined
}

/** @throws Refusal `parse_error` for a body that is nested too deep to serialize */
function serialized(body: unknown): string | undefined {
  try {
    return JSON.stringify(body)
  } catch (cause) {
    throw new Refusal('parse_error', { cause })
  }
}
