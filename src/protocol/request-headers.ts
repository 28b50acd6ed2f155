/**
 * The headers of a POST, made from its message: for a message from a client without HTTP headers, such as one over stdio.
 * [2025-06-18 transports; 2026-07-28 transports, standard and custom headers]
 */
import { valueAt } from '../base/json.ts'
import { Refusal } from '../base/refusal.ts'
import { metaOf } from './call.ts'
import { type HeaderParam, nameOf } from './headers.ts'
import type { RequestMessage } from './jsonrpc.ts'
import { metaKeys, modernVersions } from './revisions.ts'

/** The headers of messages of a session; `id` is undefined for servers that assign no session id. */
export function sessionHeaders(id: string | undefined, version: string): Record<string, string> {
  return { ...(id !== undefined && { 'mcp-session-id': id }), 'mcp-protocol-version': version }
}

/**
 * The headers of a stateless request.
 * @param params the mirrored arguments of the tool, if the message is a call of one
 * @throws Refusal `request_metadata_missing`; `unsupported_version` or `method_not_found` for a text that a header cannot contain
 */
export function standaloneHeaders(message: RequestMessage, params: readonly HeaderParam[]): Record<string, string> {
  const version = metaOf(message.params)?.[metaKeys.version]
  if (typeof version !== 'string') throw new Refusal('request_metadata_missing')
  if (!isWord(version)) {
    throw new Refusal('unsupported_version', { data: { supported: [...modernVersions], requested: version } })
  }
  if (!isWord(message.method)) throw new Refusal('method_not_found')
  const headers: Record<string, string> = { 'mcp-protocol-version': version, 'mcp-method': message.method }
  const name = nameOf(message.method, message.params?.value)
  if (typeof name === 'string') headers['mcp-name'] = encodeHeader(name)
  for (const param of params) {
    const value = valueAt(message.params?.value['arguments'], param.path)
    if (typeof value === 'string') headers[param.header] = encodeHeader(value)
    else if (typeof value === 'number' || typeof value === 'boolean') headers[param.header] = String(value)
  }
  return headers
}

/** A text as a header value: unchanged if a header can contain it, else in the base64 form. */
export function encodeHeader(text: string): string {
  const isPlain = /^[\t\x20-\x7e]*$/.test(text) && text.trim() === text && !text.startsWith('=?base64?')
  return isPlain ? text : `=?base64?${Buffer.from(text).toString('base64')}?=`
}

function isWord(text: string): boolean {
  return text.length <= 256 && /^[\x21-\x7e]+$/.test(text)
}
