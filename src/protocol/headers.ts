/**
 * The headers that mirror the body in the stateless revision, and how their values are written.
 * [2026-07-28 transports, standard request headers; SEP-2243]
 */
import { isObject, type JsonObject, type JsonValue } from './json-text.ts'

const sentinelStart = '=?base64?'
const sentinelEnd = '?='

/**
 * The text a header value stands for: itself, or what its base64 form encodes.
 * @returns undefined if it claims to be base64 of UTF-8 and is not
 */
export function decodeHeader(value: string): string | undefined {
  const trimmed = value.trim()
  if (!trimmed.startsWith(sentinelStart) || !trimmed.endsWith(sentinelEnd)) return trimmed
  const encoded = trimmed.slice(sentinelStart.length, -sentinelEnd.length)
  const bytes = Buffer.from(encoded, 'base64')
  // Node's decoder takes more than base64, and drops bits that are left over.
  if (bytes.toString('base64') !== encoded) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** The member of params that `Mcp-Name` mirrors, by method. Task methods belong to the tasks extension. */
const namedBy: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
}

/** What `Mcp-Name` must say for a request; undefined where the header is not used. */
export function nameOf(method: string, params: JsonObject | undefined): JsonValue | undefined {
  const member = Object.hasOwn(namedBy, method) ? namedBy[method] : undefined
  return member === undefined ? undefined : params?.[member]
}

/** One annotated parameter of a tool: the header that mirrors it, and the way to the value in the arguments. */
export interface HeaderParam {
  readonly header: string
  readonly path: readonly string[]
}

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const maxDepth = 16

/**
 * The parameters of a tool that clients mirror into `Mcp-Param-*` headers: annotated properties that are reached
 * through `properties` alone. An annotation that is not valid is left out; clients drop such tools themselves.
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

/** Whether a `Mcp-Param-*` header says the same as the argument it mirrors. */
export function headerMatches(param: HeaderParam, args: JsonValue | undefined, header: string | undefined): boolean {
  let value: JsonValue | undefined = args
  for (const key of param.path) value = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
  if (value === undefined || value === null) return header === undefined
  if (header === undefined) return false
  const said = decodeHeader(header)
  if (said === undefined) return false
  if (typeof value === 'number') return jsonNumber.test(said) && Number(said) === value
  return typeof value === 'string' || typeof value === 'boolean' ? said === String(value) : false
}
