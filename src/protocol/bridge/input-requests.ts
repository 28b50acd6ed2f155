/**
 * An input request of a server in the forms of both eras: as a JSON-RPC request (session-based), and as an entry of
 * `inputRequests` (stateless). Pure: gateway/interaction/ decides which client gets it and how the answer returns.
 * input-request-downgrades.ts adapts it to older clients.
 * [2025-11-25 elicitation, sampling, roots; 2026-07-28 multi round-trip requests]
 */
import { Refusal } from '../../base/refusal.ts'
import type { ClientDescription } from '../call.ts'
import { objectElements, replaceMember } from '../json-edit.ts'
import {
  eachMember,
  editObject,
  isObject,
  type JsonObject,
  type JsonValue,
  memberText,
  parseObject,
  type RawObject,
  rawObject,
} from '../json-text.ts'
import { type Answer, errorAnswer, withMeta } from '../jsonrpc.ts'
import { formFor, messagesFor, toolsFor } from './input-request-downgrades.ts'
import { hasStructuredContent, hasUrlElicitation } from '../revisions.ts'
import { relatedTask } from '../task-only-tools.ts'

/** The content of an input request, in either era. */
export interface InputRequestContent {
  readonly method: string
  readonly params: RawObject | undefined
}

const elicitation = 'elicitation/create'
const sampling = 'sampling/createMessage'
const roots = 'roots/list'

/** Whether a method is an input request that exists in both eras. mcplex answers other requests (ping, tasks) itself. */
export function isInputRequestMethod(method: string): boolean {
  return method === elicitation || method === sampling || method === roots
}

/**
 * The capabilities that an input request needs and the client did not declare, in the form of `requiredCapabilities`
 * [-32021]; undefined if the client declared them. Only for methods accepted by `isInputRequestMethod`.
 */
export function undeclared(inputRequest: InputRequestContent, capabilities: JsonObject): JsonObject | undefined {
  const { method, params } = inputRequest
  if (method === elicitation) {
    const mode = params?.value['mode'] === 'url' ? 'url' : 'form'
    return declaresElicitation(capabilities['elicitation'], mode) ? undefined : { elicitation: { [mode]: {} } }
  }
  if (method === roots) return isObject(capabilities['roots']) ? undefined : { roots: {} }
  const declared = capabilities['sampling']
  const needsTools = params !== undefined && ('tools' in params.value || 'toolChoice' in params.value)
  if (!needsTools) return isObject(declared) ? undefined : { sampling: {} }
  return isObject(declared) && isObject(declared['tools']) ? undefined : { sampling: { tools: {} } }
}

/** Like `undeclared`, for a URL elicitation. */
export function undeclaredUrlElicitation(capabilities: JsonObject): JsonObject | undefined {
  return declaresElicitation(capabilities['elicitation'], 'url') ? undefined : { elicitation: { url: {} } }
}

/** An empty declaration means forms, the only mode of older revisions. [2025-11-25 elicitation, capabilities] */
function declaresElicitation(declared: JsonValue | undefined, mode: 'form' | 'url'): boolean {
  if (!isObject(declared)) return false
  return isObject(declared[mode]) || (mode === 'form' && declared['url'] === undefined)
}

/**
 * The input request of a session-based server as an entry of `inputRequests`. Members that only a separate request has are
 * dropped: the elicitation id, the request to run as a task, the progress token.
 */
export function inputRequestOf(inputRequest: InputRequestContent): RawObject {
  const { method } = inputRequest
  let { params } = inputRequest
  if (params && ('elicitationId' in params.value || 'task' in params.value)) {
    params = editObject(params, { elicitationId: undefined, task: undefined })
  }
  if (params && isObject(params.value['_meta'])) {
    params = withMeta(params, { progressToken: undefined, [relatedTask]: undefined })
  }
  if (params === undefined) return rawObject({ method })
  return {
    value: { method, params: params.value },
    text: `{"method":${JSON.stringify(method)},"params":${params.text}}`,
  }
}

/** `inputRequests` of entries by key, as `inputRequestOf` gives them. */
export function inputRequestsOf(entries: ReadonlyMap<string, RawObject>): RawObject {
  const all = [...entries]
  const texts = all.map(([key, { text }]) => `${JSON.stringify(key)}:${text}`)
  const value = Object.fromEntries(all.map(([key, entry]) => [key, entry.value]))
  return { value, text: `{${texts.join(',')}}` }
}

/**
 * A client's entry of `inputResponses` as the response that the session-based server waits for.
 * @param text of the entry, as JSON
 * @returns undefined if it is not an answer to such a request: the client is asked again, or gets `-32602`
 */
export function answerOfInput(inputRequest: InputRequestContent, text: string): Answer | undefined {
  const result = parseObject(text)
  if (!result || !isAnswerTo(inputRequest.method, result.value)) return undefined
  const { content } = result.value
  if (inputRequest.method !== sampling || !Array.isArray(content) || content.length !== 1)
    return { kind: 'result', result }
  // A server that offered no tools expects a single block, as in older revisions.
  if (inputRequest.params && 'tools' in inputRequest.params.value) return { kind: 'result', result }
  const [block] = objectElements(result, 'content') ?? []
  return block && { kind: 'result', result: replaceMember(result, 'content', block.value, block.text) }
}

function isAnswerTo(method: string, value: JsonObject): boolean {
  if (method === elicitation) {
    const { action, content } = value
    const isForm = content === undefined || isObject(content)
    return isForm && (action === 'accept' || action === 'decline' || action === 'cancel')
  }
  if (method === roots) return Array.isArray(value['roots'])
  const { content } = value
  return typeof value['role'] === 'string' && typeof value['model'] === 'string' && typeof content === 'object'
}

/** The answer to a session-based server when no client answers: an elicitation is cancelled, any other request fails. */
export function unanswered(method: string): Answer {
  return method === elicitation
    ? { kind: 'result', result: rawObject({ action: 'cancel' }) }
    : errorAnswer(-32603, 'The client did not answer')
}

/**
 * The input requests in the `input_required` result of a stateless server, by key; none if the server only wants to be called
 * again. Throws `upstream_invalid` if an entry is not a valid input request.
 */
export function inputRequestsIn(result: RawObject): Map<string, InputRequestContent> {
  const inputRequests = new Map<string, InputRequestContent>()
  const requests = result.value['inputRequests']
  if (requests === undefined) return inputRequests
  const all = memberText(result.text, 'inputRequests')
  if (!isObject(requests) || all === undefined) throw notAsked()
  eachMember(all, 0, (key, start, end) => {
    const entry = requests[key]
    const params = isObject(entry) ? entry['params'] : undefined
    if (!isObject(entry) || typeof entry['method'] !== 'string' || !isInputRequestMethod(entry['method']))
      throw notAsked()
    if (params !== undefined && !isObject(params)) throw notAsked()
    const text = params && memberText(all.slice(start, end), 'params')
    inputRequests.set(key, {
      method: entry['method'],
      params: params && text !== undefined ? { value: params, text } : undefined,
    })
  })
  return inputRequests
}

function notAsked(): Refusal {
  return new Refusal('upstream_invalid', { message: 'The server asked for input in a form that is not valid.' })
}

/**
 * The input request of a stateless server as a request to a client with a session, in the form of its revision.
 * @param elicitationId our unguessable id for a URL elicitation, which needs one in these revisions
 * @returns undefined if the client's revision does not have such a request, or the client did not declare it
 */
export function inputRequestForClient(
  client: ClientDescription,
  inputRequest: InputRequestContent,
  elicitationId: string,
): InputRequestContent | undefined {
  const { method, params } = inputRequest
  const { version, capabilities } = client
  if (undeclared(inputRequest, capabilities) !== undefined) return undefined
  if (method === roots || params === undefined) return inputRequest
  if (method === sampling) {
    if (!hasUrlElicitation(version)) return requestWith(method, messagesFor(params, version))
    const fitting = toolsFor(params, version)
    return fitting === params ? inputRequest : { method, params: fitting }
  }
  if (params.value['mode'] === 'url') {
    return hasUrlElicitation(version) ? { method, params: editObject(params, { elicitationId }) } : undefined
  }
  if (hasUrlElicitation(version)) return inputRequest
  return hasStructuredContent(version) ? requestWith(method, formFor(params)) : undefined
}

function requestWith(method: string, params: RawObject | undefined): InputRequestContent | undefined {
  return params && { method, params }
}

/**
 * The answer of a client with a session as an entry of `inputResponses`. An error to an elicitation becomes `cancel`.
 * @returns undefined for an error to sampling or roots, which has no form there: the call cannot continue
 */
export function inputResponseOf(inputRequest: InputRequestContent, answer: Answer): RawObject | undefined {
  if (answer.kind === 'error') return inputRequest.method === elicitation ? rawObject({ action: 'cancel' }) : undefined
  const { result } = answer
  // Some clients of these revisions write null for no content.
  const isEmpty = inputRequest.method === elicitation && result.value['content'] === null
  return isEmpty ? editObject(result, { content: undefined }) : result
}

/**
 * The URL elicitations that a session-based server requires before it can continue (error -32042), as `inputRequests`; the
 * call is made again afterwards. Undefined for any other error. [2025-11-25 elicitation, URL elicitation required]
 */
export function urlElicitationsIn(error: RawObject): RawObject | undefined {
  const { code, data } = error.value
  const pages = isObject(data) ? data['elicitations'] : undefined
  if (code !== -32042 || !Array.isArray(pages)) return undefined
  const entries = new Map<string, RawObject>()
  for (const page of pages) {
    if (!isObject(page) || typeof page['url'] !== 'string') return undefined
    const message = typeof page['message'] === 'string' ? page['message'] : ''
    entries.set(
      `visit-${entries.size + 1}`,
      rawObject({ method: elicitation, params: { mode: 'url', message, url: page['url'] } }),
    )
  }
  return entries.size === 0 ? undefined : inputRequestsOf(entries)
}

/** Whether a call ended because the user has to visit a URL before the call is made again, and the client supports that. */
export function requiresUrlElicitation(answer: Answer, capabilities: JsonObject): boolean {
  return (
    answer.kind === 'error' &&
    undeclaredUrlElicitation(capabilities) === undefined &&
    urlElicitationsIn(answer.error) !== undefined
  )
}
