/**
 * The stateless revision towards clients: the checks of a request in their order, and the encoding of answers.
 * [2026-07-28 basic; transports; error codes]
 */
import { Refusal } from '../base/refusal.ts'
import { metaOf, type Outcome, progressTokenOf, type ClientDescription } from './call.ts'
import { offeredToRequest } from './capabilities.ts'
import { decodeHeader, nameOf } from './headers.ts'
import { addMembers } from './json-edit.ts'
import { editObject, isObject, type JsonValue, type RawObject } from './json-text.ts'
import { type Answer, type Message, type RequestMessage, withMeta } from './jsonrpc.ts'
import { resultForRequest } from './bridge/results.ts'
import { legacyVersions, logLevels, metaKeys, modernVersion, modernVersions } from './revisions.ts'

/** The metadata of a request. */
export interface Envelope {
  readonly client: ClientDescription
  readonly progressToken: string | undefined
  readonly logLevel: string | undefined
}

/** The headers that mirror the body, as received. */
export interface MirrorHeaders {
  readonly version: string | undefined
  readonly method: string | undefined
  readonly name: string | undefined
}

/** Methods of the core specification; others are accepted only if the server announces extensions. */
const coreMethods = new Set([
  'server/discover',
  'tools/list',
  'tools/call',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'prompts/list',
  'prompts/get',
  'completion/complete',
  'subscriptions/listen',
])

/** Methods that were removed together with sessions: never forwarded, even if the server has extensions. */
const removedMethods = new Set([
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
  'tasks/result',
  'tasks/list',
])

/**
 * Reads and checks a request: metadata, version header, version, method and name headers, method.
 * Throws `request_metadata_missing`, `header_mismatch`, `unsupported_version`, `invalid_params` or `method_not_found`.
 */
export function readEnvelope(message: RequestMessage, headers: MirrorHeaders, hasExtensions: boolean): Envelope {
  const meta = metaOf(message.params)
  const version = meta?.[metaKeys.version]
  const capabilities = meta?.[metaKeys.capabilities]
  if (meta === undefined || typeof version !== 'string' || !isObject(capabilities))
    throw new Refusal('request_metadata_missing')
  const info = meta[metaKeys.clientInfo]
  if (info !== undefined && !isObject(info)) throw new Refusal('request_metadata_missing')
  if (headers.version?.trim() !== version)
    throw new Refusal('header_mismatch', { message: 'MCP-Protocol-Version does not match the body.' })
  if (!modernVersions.includes(version)) {
    throw new Refusal('unsupported_version', { data: { supported: [...modernVersions], requested: version } })
  }
  checkMirrors(message, headers)
  if (removedMethods.has(message.method) || (!coreMethods.has(message.method) && !hasExtensions)) {
    throw new Refusal('method_not_found')
  }
  const level = meta[metaKeys.logLevel]
  if (level !== undefined && !(typeof level === 'string' && logLevels.includes(level))) {
    throw new Refusal('invalid_params', { message: 'This log level is not known.' })
  }
  return {
    client: {
      era: 'modern',
      version: modernVersion,
      capabilities,
      info,
    },
    progressToken: progressTokenOf(message.params),
    logLevel: level,
  }
}

function checkMirrors(message: RequestMessage, headers: MirrorHeaders): void {
  if (headers.method?.trim() !== message.method) {
    throw new Refusal('header_mismatch', { message: 'Mcp-Method does not match the body.' })
  }
  const name = nameOf(message.method, message.params?.value)
  if (name === undefined && headers.name === undefined) return
  if (headers.name === undefined || typeof name !== 'string' || decodeHeader(headers.name) !== name) {
    throw new Refusal('header_mismatch', { message: 'Mcp-Name does not match the body.' })
  }
}

/**
 * The refusal of a stateless message if only sessions are served. `server/discover` is refused as an unknown method, like a
 * session-based server does, so that clients of both eras fall back to `initialize`.
 * [2026-07-28 versioning, era detection by clients]
 * @param versionHeader the version of a message without a version in its metadata
 * @param words replaces the message of the table of refusals
 */
export function notServed(message: Message, versionHeader: string | undefined, words?: string): Refusal {
  const said = words === undefined ? {} : { message: words }
  if (message.kind === 'request' && message.method === 'server/discover') return new Refusal('discover_refused', said)
  const named = message.kind === 'response' ? undefined : metaOf(message.params)?.[metaKeys.version]
  const requested = typeof named === 'string' ? named : versionHeader?.trim()
  return new Refusal('stateless_refused', {
    ...said,
    data: { supported: [...legacyVersions], ...(requested !== undefined && { requested }) },
  })
}

/** Methods whose results say how long they may be cached. [2026-07-28 caching] */
const cacheable = new Set([
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
])

/**
 * The answer in the form of this revision. The result of a session-based server gets the members that every result has here.
 * @param ttlMs how long the result may be cached, unless the server says so; `later`: it is added to the text
 * @param isForAll whether caches may share the result among clients, unless the server says so
 */
export function encodeModernAnswer(
  method: string,
  outcome: Outcome,
  serverInfo: JsonValue | undefined,
  ttlMs: number | 'later' = 0,
  isForAll = false,
): Answer {
  const { answer, era } = outcome
  if (answer.kind === 'error') return era === 'modern' ? answer : encodeError(answer)
  const result = era === 'legacy' ? resultForRequest(method, answer.result) : answer.result
  const { resultType = 'complete', ttlMs: theirs, cacheScope, _meta: meta } = result.value
  const added: Record<string, JsonValue> = {}
  if (result.value['resultType'] === undefined) added['resultType'] = resultType
  if (resultType === 'complete' && cacheable.has(method)) {
    if (theirs === undefined && ttlMs !== 'later') added['ttlMs'] = ttlMs
    if (cacheScope === undefined) added['cacheScope'] = isForAll ? 'public' : 'private'
  }
  const isNamed = serverInfo === undefined || (isObject(meta) && meta[metaKeys.serverInfo] !== undefined)
  if (!isNamed && meta === undefined) added['_meta'] = { [metaKeys.serverInfo]: serverInfo }
  const whole = addMembers(result, added)
  const isToName = !isNamed && meta !== undefined
  return { kind: 'result', result: isToName ? withMeta(whole, { [metaKeys.serverInfo]: serverInfo }) : whole }
}

/**
 * The error of a session-based server: codes between -32000 and -32099 have another meaning here and are replaced. The message
 * stays. [2026-07-28 error codes]
 */
function encodeError(answer: Answer & { kind: 'error' }): Answer {
  const code = Number(answer.error.value['code'])
  if (code > -32000 || code < -32099) return answer
  // -32002 was the code for a missing resource.
  return { kind: 'error', error: editObject(answer.error, { code: code === -32002 ? -32602 : -32603 }) }
}

/** The HTTP status of a JSON-RPC answer. [2026-07-28 transports] */
export function statusOf(answer: Answer): number {
  if (answer.kind === 'result') return 200
  const code = answer.error.value['code']
  if (code === -32601) return 404
  return code === -32020 || code === -32021 || code === -32022 ? 400 : 200
}

/** The result of `server/discover`, from the description of a server of either era. */
export function discoverResult(serverDescription: RawObject, serverInfo: JsonValue | undefined): RawObject {
  const { capabilities, protocolVersion, ttlMs, cacheScope } = serverDescription.value
  const edits: Record<string, JsonValue | undefined> = {
    resultType: 'complete',
    supportedVersions: [...modernVersions],
    ttlMs: typeof ttlMs === 'number' ? ttlMs : 0,
    cacheScope: cacheScope === 'public' ? 'public' : 'private',
    protocolVersion: undefined,
    serverInfo: undefined,
  }
  if (!isObject(capabilities)) edits['capabilities'] = {}
  else if (protocolVersion !== undefined) edits['capabilities'] = offeredToRequest(capabilities)
  const result = editObject(serverDescription, edits)
  return serverInfo === undefined ? result : withMeta(result, { [metaKeys.serverInfo]: serverInfo })
}
