/**
 * JSON-RPC 2.0 as MCP uses it: one strict reader for what comes from clients and from servers, and the few
 * envelopes we write. Reading never throws; what is wrong comes back as a `Malformed`.
 */
import { detachedText } from '../base/detached-text.ts'
import {
  editMembers,
  editObject,
  emptyObject,
  endOfValue,
  isObject,
  type JsonObject,
  type JsonValue,
  memberText,
  type RawObject,
  walkMembers,
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
  const found = findMembers(text, value)
  const { params } = found
  const id = ownId(found.id, text)
  const idIsValid = isId(value['id'])
  const malformed: Malformed = id !== undefined && idIsValid ? { kind: 'malformed', id } : { kind: 'malformed' }
  if (found.keyTwice || value['jsonrpc'] !== '2.0') return malformed
  if (id !== undefined && !idIsValid && !(value['id'] === null && found.error !== undefined)) return malformed

  const method = value['method']
  if (typeof method === 'string') {
    if (found.result !== undefined || found.error !== undefined) return malformed
    const paramsValue = value['params']
    if (params !== undefined && !isObject(paramsValue)) return malformed
    const raw = params !== undefined && isObject(paramsValue) ? { value: paramsValue, text: params } : undefined
    return id === undefined
      ? { kind: 'notification', method, params: raw }
      : { kind: 'request', id, method, params: raw }
  }
  if (method !== undefined || params !== undefined) return malformed
  const answer = readAnswer(found.result, value['result'], found.error, value['error'])
  if (!answer || (id === undefined && answer.kind === 'result')) return malformed
  return { kind: 'response', id: value['id'] === null ? undefined : id, answer }
}

/** The texts of the members that make a message. */
interface Found {
  id: string | undefined
  params: string | undefined
  result: string | undefined
  error: string | undefined
  /** Whether a key occurs twice in the message, its params or their `_meta`: another parser might use the other value. */
  keyTwice: boolean
}

/**
 * One walk over the text: the message, its params and their `_meta` are looked into on the way. A key that stands
 * twice may have a value in the text that is not the one that the parser kept: hence the look at the first character.
 */
function findMembers(text: string, value: JsonObject): Found {
  const found: Found = { id: undefined, params: undefined, result: undefined, error: undefined, keyTwice: false }
  const count = (start: number, object: JsonObject, visit: (key: string, at: number) => number): number => {
    let members = 0
    const end = walkMembers(text, start, (key, at) => {
      members++
      return visit(key, at)
    })
    if (members !== Object.keys(object).length) found.keyTwice = true
    return end
  }
  const skip = (_: string, at: number): number => endOfValue(text, at)
  count(0, value, (key, start) => {
    const params = value['params']
    if (key === 'params' && isObject(params) && text[start] === '{') {
      const end = count(start, params, (name, at) => {
        const meta = params['_meta']
        return name === '_meta' && isObject(meta) && text[at] === '{' ? count(at, meta, skip) : endOfValue(text, at)
      })
      found.params = text.slice(start, end)
      return end
    }
    const end = endOfValue(text, start)
    if (key === 'id' || key === 'params' || key === 'result' || key === 'error') found[key] = text.slice(start, end)
    return end
  })
  return found
}

/** A longer id is refused: it would have to be echoed. */
const maxIdChars = 1024
/** What it costs more to copy from than to keep, in characters. */
const longChars = 1024

/** An id may be kept for as long as a stream is open: it must not keep alive a larger message that it is a part of. */
function ownId(id: string | undefined, of: string): string | undefined {
  return id === undefined || of.length < longChars ? id : detachedText(id)
}

function isId(value: unknown): boolean {
  return (
    (typeof value === 'string' && value.length <= maxIdChars) || (typeof value === 'number' && Number.isInteger(value))
  )
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
