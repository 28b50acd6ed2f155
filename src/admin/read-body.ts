/** Reads the body of a request of an operator: one small JSON object, or nothing. */
import type { IncomingMessage } from 'node:http'
import { isObject, type JsonObject } from '../base/json.ts'
import { AdminError } from './admin-error.ts'

const maxBytes = 64 * 1024

/** @throws AdminError 400, 413, 415 */
export async function readBody(request: IncomingMessage): Promise<JsonObject> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new AdminError(413, 'request_too_large', `A body has at most ${maxBytes} bytes.`)
    chunks.push(chunk)
  }
  if (bytes === 0) return {}
  if (!/^application\/json *(;|$)/i.test(request.headers['content-type'] ?? ''))
    throw new AdminError(415, 'unsupported_media_type', 'A body has the type application/json.')
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString())
    if (isObject(value)) return value
  } catch {
    // Told below.
  }
  throw new AdminError(400, 'bad_request', 'The body is no JSON object.')
}
