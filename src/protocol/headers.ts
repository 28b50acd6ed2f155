/**
 * The headers that mirror the body in the stateless revision, and the encoding of their values.
 * [2026-07-28 transports, standard request headers; SEP-2243]
 */
import { valueAt } from '../base/json.ts'
import { isObject, type JsonObject, type JsonValue } from './json-text.ts'

const sentinelStart = '=?base64?'
const sentinelEnd = '?='

/**
 * Decodes a header value: plain text, or base64 in the form `=?base64?...?=`.
 * @returns undefined if the value has the base64 form but is not base64 of UTF-8
 */
export function decodeHeader(value: string): string | undefined {
  const trimmed = value.trim()
  if (!trimmed.startsWith(sentinelStart) || !trimmed.endsWith(sentinelEnd)) return trimmed
  const encoded = trimmed.slice(sentinelStart.length, -sentinelEnd.length)
  const bytes = Buffer.from(encoded, 'base64')
  // Node's decoder accepts more than base64 and drops spare bits: check by encoding again.
  if (bytes.toString('base64') !== encoded) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** The member of params that `Mcp-Name` mirrors, by method. The task methods are those of the tasks extension. */
const namedBy: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
}

/** The value that `Mcp-Name` must have for a request; undefined if the header is not used. */
export function nameOf(method: string, params: JsonObject | undefined): JsonValue | undefined {
  const member = Object.hasOwn(namedBy, method) ? namedBy[method] : undefined
  return member === undefined ? undefined : params?.[member]
}

/** One annotated parameter of a tool: the header that mirrors it, and the path to its value in the arguments. */
export interface HeaderParam {
  readonly header: string
  readonly path: readonly string[]
}

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const maxDepth = 16

/**
 * The parameters of a tool that clients mirror into `Mcp-Param-*` headers: annotated properties that can be reached through
 * `properties` alone. Invalid annotations are left out; clients drop such tools themselves.
 */
export function headerParams(inputSchema: JsonValue | undefined): HeaderParam[] {
  const found: HeaderParam[] = []
  const walk = (schema: JsonValue | undefined, path: readonly string[]): void => {
    const properties = isObject(schema) ? schema['properties'] : undefined
    if (!isObject(properties) || path.length >= maxDepth) return
    for (const key of Object.keys(properties)) {
      const property = properties[key]
      if (!isObject(property)) continue
      const name = property['x-mcp-header']
      if (typeof name === 'string' && token.test(name)) {
        found.push({ header: `mcp-param-${name.toLowerCase()}`, path: [...path, key] })
      }
      walk(property, [...path, key])
    }
  }
  walk(inputSchema, [])
  return found
}

/** Whether a `Mcp-Param-*` header equals the argument it mirrors. */
export function headerMatches(param: HeaderParam, args: JsonValue | undefined, header: string | undefined): boolean {
  const value = valueAt(args, param.path)
  if (value === undefined || value === null) return header === undefined
  if (header === undefined) return false
  const said = decodeHeader(header)
  if (said === undefined) return false
  if (typeof value === 'number') return jsonNumber.test(said) && Number(said) === value
  return typeof value === 'string' || typeof value === 'boolean' ? said === String(value) : false
}
