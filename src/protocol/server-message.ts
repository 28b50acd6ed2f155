/**
 * Reads messages of servers, more leniently than those of clients: a message with a harmless mistake is repaired, and any
 * other bad message is returned with a description of its fault. Reading never throws.
 */
import { editObject, eachMember, isObject, type JsonObject, type JsonValue } from './json-text.ts'
import { type Malformed, type Message, readMessage, type RpcId } from './jsonrpc.ts'

/** A message of a server that cannot be used. */
export interface BadMessage extends Malformed {
  /** Whether it is meant as an answer to a request, even if it names none. */
  readonly isAnswer: boolean
  /** What is wrong, for the operator. */
  readonly fault: string
  /** What it looks like: see `shapeOf`. */
  readonly shape: string
}

const knownMembers: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error'])

/** Reads one message of a server from its text and the value that `JSON.parse` gave for it. */
export function readServerMessage(text: string, value: unknown): Message | BadMessage {
  const strict = readMessage(text, value)
  if (strict.kind !== 'malformed') return strict
  const shape = shapeOf(text, value)
  if (!isObject(value)) return { ...strict, isAnswer: false, fault: 'it is no object', shape }
  if (hasKeyTwice(text, value))
    return { ...strict, isAnswer: isAnswer(value), fault: 'a key stands in it twice', shape }
  const mended = editObject({ value, text }, mends(value))
  const message = readMessage(mended.text, mended.value)
  if (message.kind !== 'malformed') return message
  return { ...strict, isAnswer: isAnswer(value), fault: faultOf(mended.value), shape }
}

/**
 * What a message looks like, for the operator: its members with the JSON types of their values, and its length in
 * characters. No text of the server is in it, since that may be a result or repeat an argument; so members that JSON-RPC
 * does not know are only counted.
 */
export function shapeOf(text: string, value: unknown): string {
  const length = `${text.length} characters`
  if (!isObject(value)) return `${typeOf(value)} of ${length}`
  const names = Object.keys(value)
  const known = names.filter((name) => knownMembers.has(name))
  const shown = known.map((name) => `${JSON.stringify(name)}: ${typeOf(value[name])}`)
  const others = names.length - known.length
  if (others > 0) shown.push(others === 1 ? '1 other member' : `${others} other members`)
  return `object of ${length} { ${shown.join(', ')} }`
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

/** The number in an id, which some servers echo as a string; NaN if it is not a number. */
export function numberOf(id: RpcId): number {
  const text = id.startsWith('"') ? (JSON.parse(id) as string) : id
  return text.trim() === '' ? Number.NaN : Number(text)
}

/** The edits that repair a message. Some serialisers write null for members that a message does not have. */
function mends(value: JsonObject): Record<string, JsonValue | undefined> {
  const edits: Record<string, JsonValue | undefined> = {}
  const has = (key: string): boolean => (value[key] ?? null) !== null
  for (const key of ['method', 'params']) if (value[key] === null) edits[key] = undefined
  if (value['error'] === null && (has('result') || has('method'))) edits['error'] = undefined
  if (value['result'] === null && (has('error') || has('method'))) edits['result'] = undefined
  const { method, id } = value
  if (id === null && typeof method === 'string' && method.startsWith('notifications/')) edits['id'] = undefined
  // JSON-RPC 1.0 has no version member. A text with a method but no version may be a log line, so it is not repaired.
  if (!has('jsonrpc') && !has('method') && has('id')) edits['jsonrpc'] = '2.0'
  return edits
}

function isAnswer(value: JsonObject): boolean {
  return typeof value['method'] !== 'string' && ('result' in value || 'error' in value)
}

function hasKeyTwice(text: string, value: JsonObject): boolean {
  let members = 0
  eachMember(text, 0, () => void members++)
  return members !== Object.keys(value).length
}

/** The fault of a message that could not be repaired. */
function faultOf(value: JsonObject): string {
  const { id, result, error } = value
  if (value['jsonrpc'] !== '2.0') return '"jsonrpc" is not "2.0"'
  if (typeof value['method'] === 'string') return '"params" is no object, or "id" neither a string nor an integer'
  if (result !== undefined && error !== undefined) return 'it has both "result" and "error"'
  if (result === undefined && error === undefined) return 'it has neither "result" nor "error"'
  if (result !== undefined && !isObject(result)) return '"result" is no object'
  if (error !== undefined && !isObject(error)) return '"error" is no object'
  if (id === undefined || id === null) return 'it names no request'
  if (typeof id !== 'string' && !Number.isInteger(id)) return '"id" is neither a string nor an integer'
  if (isObject(error) && !Number.isInteger(error['code'])) return '"code" of "error" is no integer'
  if (isObject(error) && typeof error['message'] !== 'string') return '"message" of "error" is no text'
  return 'a key stands twice in "params" or "_meta"'
}
