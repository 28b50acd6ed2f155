/**
 * JSON-RPC 2.0 as MCP uses it: one strict reader for what comes from clients and from servers, and the few
 * envelopes we write. Reading never throws; what is wrong comes back as a `Malformed`.
 */
import {
  eachMember,
  editMembers,
  editObject,
  emptyObject,
  isObject,
  type JsonObject,
  type JsonValue,
  memberText,
  type RawObject,
} from './json-text.ts'

/** A request id as the sender wrote it: a JSON string or integer. It is echoed to the letter (1 is not "1"). */
export type RpcId = string

export interface RequestMessage {
  readonly kind: 'request'
  readonly id: RpcId
  readonly method: string
  readonly params: RawObject | undefined
}

export interface NotificationMessage {
  readonly kind: 'notification'
  readonly method: string
  readonly params: RawObject | undefined
}

export interface ResponseMessage {
  readonly kind: 'response'
  /** Undefined when an error names no request. */
  readonly id: RpcId | undefined
  readonly answer: Answer
}

/** What a response says: a result or an error, never both. */
export type Answer =
  { readonly kind: 'result'; readonly result: RawObject } | { readonly kind: 'error'; readonly error: RawObject }

export type Message = RequestMessage | NotificationMessage | ResponseMessage

/** Why a text is no message; the id is there if it could be read, so that the error can name it. */
export interface Malformed {
  readonly kind: 'malformed'
  readonly id?: RpcId
}

/** Reads one message from its text and the value that `JSON.parse` gave for it. [JSON-RPC 2.0, 4 and 5] */
export function readMessage(text: string, value: unknown): Message | Malformed {
  if (!isObject(value)) return { kind: 'malformed' }
  let id: RpcId | undefined
  let params: string | undefined
  let result: string | undefined
  let error: string | undefined
  let members = 0
  eachMember(text, 0, (key, start, end) => {
    members++
    if (key === 'id') id = text.slice(start, end)
    else if (key === 'params') params = text.slice(start, end)
    else if (key === 'result') result = text.slice(start, end)
    else if (key === 'error') error = text.slice(start, end)
  })
  const idIsValid = isId(value['id'])
  const malformed: Malformed = id !== undefined && idIsValid ? { kind: 'malformed', id } : { kind: 'malformed' }
  // A key that stands twice is read differently by different parsers.
  if (members !== Object.keys(value).length || value['jsonrpc'] !== '2.0') return malformed
  if (id !== undefined && !idIsValid && !(value['id'] === null && error !== undefined)) return malformed

  const method = value['method']
  if (typeof method === 'string') {
    if (result !== undefined || error !== undefined) return malformed
    const raw = readParams(params, value['params'])
    if (raw === null) return malformed
    return id === undefined
      ? { kind: 'notification', method, params: raw }
      : { kind: 'request', id, method, params: raw }
  }
  if (method !== undefined || params !== undefined) return malformed
  const answer = readAnswer(result, value['result'], error, value['error'])
  if (!answer || (id === undefined && answer.kind === 'result')) return malformed
  return { kind: 'response', id: value['id'] === null ? undefined : id, answer }
}

/** A longer id is refused: it would have to be echoed. */
const maxIdChars = 1024

function isId(value: unknown): boolean {
  return (
    (typeof value === 'string' && value.length <= maxIdChars) || (typeof value === 'number' && Number.isInteger(value))
  )
}

/** Null: not an object, or a key twice in it or in its `_meta`. */
function readParams(text: string | undefined, value: unknown): RawObject | undefined | null {
  if (text === undefined) return undefined
  if (!isObject(value)) return null
  let members = 0
  let metaIsPlain = true
  eachMember(text, 0, (key, start) => {
    members++
    if (key === '_meta') metaIsPlain = !hasKeyTwice(text, start, value['_meta'])
  })
  return members === Object.keys(value).length && metaIsPlain ? { value, text } : null
}

function hasKeyTwice(text: string, at: number, value: unknown): boolean {
  if (!isObject(value)) return false
  let members = 0
  eachMember(text, at, () => members++)
  return members !== Object.keys(value).length
}

function readAnswer(
  result: string | undefined,
  resultValue: unknown,
  error: string | undefined,
  errorValue: unknown,
): Answer | undefined {
  if (result !== undefined && error === undefined && isObject(resultValue)) {
    return { kind: 'result', result: { value: resultValue, text: result } }
  }
  if (error !== undefined && result === undefined && isRpcError(errorValue)) {
    return { kind: 'error', error: { value: errorValue, text: error } }
  }
  return undefined
}

function isRpcError(value: unknown): value is JsonObject {
  return isObject(value) && Number.isInteger(value['code']) && typeof value['message'] === 'string'
}

/** An id as a map key: equal for ids that JSON calls equal as far as numbers are exact, different for 1 and "1". */
export function idKey(id: RpcId): string {
  if (id.startsWith('"')) return id.includes('\\') ? JSON.stringify(JSON.parse(id)) : id
  const number = Number(id)
  return Number.isSafeInteger(number) ? String(number) : id
}

/** A JSON-RPC error as we make it ourselves. */
export function errorAnswer(code: number, message: string, data?: JsonObject): Answer {
  const value = data === undefined ? { code, message } : { code, message, data }
  return { kind: 'error', error: { value, text: JSON.stringify(value) } }
}

/** The text of a response. An unknown id is written as null. [JSON-RPC 2.0, 5] */
export function responseText(id: RpcId | undefined, answer: Answer): string {
  return answer.kind === 'result'
    ? `{"jsonrpc":"2.0","id":${id ?? 'null'},"result":${answer.result.text}}`
    : `{"jsonrpc":"2.0","id":${id ?? 'null'},"error":${answer.error.text}}`
}

export function requestText(id: RpcId, method: string, params: RawObject | undefined): string {
  const head = `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)}`
  return params === undefined ? `${head}}` : `${head},"params":${params.text}}`
}

export function notificationText(method: string, params: RawObject | undefined): string {
  const head = `{"jsonrpc":"2.0","method":${JSON.stringify(method)}`
  return params === undefined ? `${head}}` : `${head},"params":${params.text}}`
}

/** The params or result with members of `_meta` changed, and `_meta` left out when nothing remains in it. */
export function withMeta(
  params: RawObject | undefined,
  edits: Readonly<Record<string, JsonValue | undefined>>,
): RawObject {
  const { value, text } = params ?? emptyObject
  const old = value['_meta']
  const meta = editObject(isObject(old) ? { value: old, text: memberText(text, '_meta') ?? '{}' } : emptyObject, edits)
  if (Object.keys(meta.value).length > 0) {
    return { value: { ...value, _meta: meta.value }, text: editMembers(text, { _meta: meta.text }) }
  }
  const { _meta: _, ...rest } = value
  return { value: rest, text: editMembers(text, { _meta: null }) }
}
