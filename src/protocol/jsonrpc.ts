/**
 * JSON-RPC 2.0 as MCP uses it: one strict reader for messages of clients and servers, and the writers of our own messages.
 * Reading never throws; it returns `Malformed` for a text that is not a message.
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
  memberCount,
  memberText,
  type RawObject,
  MemberCursor,
} from './json-text.ts'

/** A request id as the sender wrote it: the text of a JSON string or integer. It is echoed exactly (1 is not "1"). */
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
  /** Undefined for an error without a request id. */
  readonly id: RpcId | undefined
  readonly answer: Answer
}

/** The content of a response: a result or an error, never both. */
export type Answer =
  { readonly kind: 'result'; readonly result: RawObject } | { readonly kind: 'error'; readonly error: RawObject }

export type Message = RequestMessage | NotificationMessage | ResponseMessage

/** A text that is not a message; with its id if that could be read, so that the error can name it. */
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
  const malformed = (): Malformed => (id !== undefined && idIsValid ? { kind: 'malformed', id } : { kind: 'malformed' })
  if (found.keyTwice || value['jsonrpc'] !== '2.0') return malformed()
  if (id !== undefined && !idIsValid && !(value['id'] === null && found.error !== undefined)) return malformed()

  const method = value['method']
  if (typeof method === 'string') {
    if (found.result !== undefined || found.error !== undefined) return malformed()
    const paramsValue = value['params']
    if (params !== undefined && !isObject(paramsValue)) return malformed()
    const raw = params !== undefined && isObject(paramsValue) ? { value: paramsValue, text: params } : undefined
    return id === undefined
      ? { kind: 'notification', method, params: raw }
      : { kind: 'request', id, method, params: raw }
  }
  if (method !== undefined || params !== undefined) return malformed()
  const answer = readAnswer(found.result, value['result'], found.error, value['error'])
  if (!answer || (id === undefined && answer.kind === 'result')) return malformed()
  return { kind: 'response', id: value['id'] === null ? undefined : id, answer }
}

/** The texts of the members of a message. */
interface Found {
  id: string | undefined
  params: string | undefined
  result: string | undefined
  error: string | undefined
  /** Whether a key occurs twice in the message, its params or their `_meta`: another parser might use the other value. */
  keyTwice: boolean
}

/**
 * Finds the members in one walk over the text, which also checks the params and their `_meta`. If a key occurs twice, the
 * parser may have kept another value than the one at hand, so the first character is checked before walking into it.
 */
function findMembers(text: string, value: JsonObject): Found {
  const found: Found = { id: undefined, params: undefined, result: undefined, error: undefined, keyTwice: false }
  const members = new MemberCursor(text, 0)
  let count = 0
  while (members.next()) {
    count++
    const { key, start } = members
    const params = value['params']
    const isWalked = key === 'params' && isObject(params) && text[start] === '{'
    const end = (members.end = isWalked ? checkParams(text, start, params, found) : endOfValue(text, start))
    if (key === 'id' || key === 'params' || key === 'result' || key === 'error') found[key] = text.slice(start, end)
  }
  if (count !== memberCount(value)) found.keyTwice = true
  return found
}

/** Notes whether a key occurs twice in the params or their `_meta`; returns where the params end. */
function checkParams(text: string, at: number, params: JsonObject, found: Found): number {
  const members = new MemberCursor(text, at)
  let count = 0
  while (members.next()) {
    count++
    const { key, start } = members
    const meta = params['_meta']
    const isWalked = key === '_meta' && isObject(meta) && text[start] === '{'
    members.end = isWalked ? checkMembers(text, start, meta, found) : endOfValue(text, start)
  }
  if (count !== memberCount(params)) found.keyTwice = true
  return members.end
}

function checkMembers(text: string, at: number, object: JsonObject, found: Found): number {
  const members = new MemberCursor(text, at)
  let count = 0
  while (members.next()) {
    count++
    members.end = endOfValue(text, members.start)
  }
  if (count !== memberCount(object)) found.keyTwice = true
  return members.end
}

/** A longer id is refused, because it would have to be kept and echoed. */
const maxIdChars = 1024
/** From a shorter message it is cheaper to keep the message than to copy the id, in characters. */
const longChars = 1024

/** A copy of an id that was cut from a long message: an id may be kept as long as a stream, and must not keep the message in memory. */
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

/** An id as a map key: equal for ids that are equal as JSON values (integers only while exact), different for 1 and "1". */
export function idKey(id: RpcId): string {
  if (id.startsWith('"')) return id.includes('\\') ? JSON.stringify(JSON.parse(id)) : id
  const number = Number(id)
  return Number.isSafeInteger(number) ? String(number) : id
}

/** A JSON-RPC error made by mcplex. */
export function errorAnswer(code: number, message: string, data?: JsonObject): Answer {
  const value = data === undefined ? { code, message } : { code, message, data }
  return { kind: 'error', error: { value, text: JSON.stringify(value) } }
}

/** The text of a response; null is written for an unknown id. [JSON-RPC 2.0, 5] */
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

/** The params or result with members of `_meta` changed; `_meta` is removed if it becomes empty. */
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
