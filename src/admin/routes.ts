/** Finds the operation that a request is for, and reads its parameters. Pure. */
import type { JsonObject } from '../base/json.ts'
import { AdminError } from './admin-error.ts'
import { api, type ApiOperation, type OperationId } from './api.ts'
import type { ApiRequest } from './api-request.ts'

interface Route {
  readonly id: OperationId
  readonly operation: ApiOperation
  readonly pattern: RegExp
}

const routes: readonly Route[] = Object.entries<ApiOperation>(api).map(([id, operation]) => ({
  id: id as OperationId,
  operation,
  pattern: new RegExp(`^${operation.path.replaceAll('.', '\\.').replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`),
}))

/** A text in a query or in a path is at most so long. */
const maxTextChars = 256

/** @throws AdminError 404 or 405 */
export function findRoute(method: string, path: string): { readonly route: Route; readonly match: RegExpExecArray } {
  const allowed: string[] = []
  for (const route of routes) {
    const match = route.pattern.exec(path)
    if (!match) continue
    if (route.operation.method === method) return { route, match }
    allowed.push(route.operation.method)
  }
  if (allowed.length > 0) throw new AdminError(405, 'method_not_allowed', `This path takes ${allowed.join(' and ')}.`)
  throw new AdminError(404, 'not_found', 'There is nothing here: /api/v1/openapi.json says what there is.')
}

/** @throws AdminError 400 for a parameter, or a member of the body, that is not known, or not right */
export function readParameters(
  { operation: { query = {}, body: members = {} } }: Route,
  match: RegExpExecArray,
  given: URLSearchParams,
  body: JsonObject,
): ApiRequest {
  const [segments, counts, texts]: [Record<string, string>, Record<string, number>, Record<string, string>] = [
    {},
    {},
    {},
  ]
  for (const [name, text] of Object.entries(match.groups ?? {})) segments[name] = segmentOf(text)
  for (const name of given.keys())
    if (!Object.hasOwn(query, name))
      throw bad(`There is no parameter ${JSON.stringify(name.slice(0, maxTextChars))} here.`)
  for (const [name, { kind, words, max = 0, default: standard = 0, maxChars = maxTextChars }] of Object.entries(
    query,
  )) {
    const text = given.get(name)
    if (kind === 'word') {
      if (text !== null) texts[name] = wordOf(name, text, words)
      continue
    }
    if (kind === 'text') {
      if (text !== null) texts[name] = text.slice(0, maxChars)
      continue
    }
    const value = text === null ? standard : /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
    if (!(value <= max)) throw bad(`${name} is a whole number from 0 to ${max}.`)
    counts[name] = value
  }
  for (const name of Object.keys(body))
    if (!Object.hasOwn(members, name))
      throw bad(`There is no member ${JSON.stringify(name.slice(0, maxTextChars))} of the body here.`)
  for (const [name, member] of Object.entries(members)) {
    const value = Object.hasOwn(body, name) ? body[name] : member.default
    if (member.kind === 'text') {
      if (value !== undefined) texts[name] = textOf(name, value)
    } else if (member.kind === 'word') texts[name] = wordOf(`${name} of the body`, value, member.words)
    else counts[name] = countOf(name, value, member.max)
  }
  return { segments, counts, texts }
}

function wordOf(name: string, value: unknown, words: readonly string[] = []): string {
  if (typeof value === 'string' && words.includes(value)) return value
  throw bad(`${name} is one of: ${words.join(', ')}.`)
}

function textOf(name: string, value: unknown): string {
  if (typeof value === 'string' && value.length <= maxTextChars) return value
  throw bad(`${name} of the body is a text of at most ${maxTextChars} characters.`)
}

function countOf(name: string, value: unknown, max = Infinity): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max) return value
  throw bad(`${name} of the body is a whole number from 1 to ${max}.`)
}

function segmentOf(text: string): string {
  try {
    return decodeURIComponent(text).slice(0, maxTextChars)
  } catch {
    throw bad('The path is not encoded as it should be.')
  }
}

function bad(message: string): AdminError {
  return new AdminError(400, 'bad_request', message)
}
