/**
 * A body that a program read before the request came to us, as a body parser in front of a mounted handler does. What
 * it left on the request is taken. The bytes are the best of it: what was parsed and is written again may differ in
 * numbers beyond what JavaScript counts exactly.
 */
import { Refusal } from '../../base/refusal.ts'
import { textOf } from './body-chunks.ts'

/**
 * The text of the body, from `request.rawBody` or `request.body`.
 * @throws Refusal `request_too_large`, `parse_error`; an Error that says what to do if the body is nowhere
 */
export function prereadBody(request: object, maxBytes: number): string {
  const text = read('rawBody' in request ? request.rawBody : undefined) ?? left(request)
  if (text === undefined)
    throw new Error(
      'something read the body of this request before mcplex got it: mount mcplex before body parsers, or leave what was read at request.body',
    )
  if (text.length > maxBytes || Buffer.byteLength(text) > maxBytes) throw new Refusal('request_too_large')
  return text
}

function left(request: object): string | undefined {
  const body = 'body' in request ? request.body : undefined
  return read(body) ?? (body === undefined ? undefined : written(body))
}

function read(body: unknown): string | undefined {
  if (typeof body === 'string') return body
  return body instanceof Uint8Array ? textOf(body) : undefined
}

/** @throws Refusal `parse_error` for what was parsed although it goes deeper than can be written */
function written(body: unknown): string | undefined {
  try {
    return JSON.stringify(body)
  } catch (cause) {
    throw new Refusal('parse_error', { cause })
  }
}
