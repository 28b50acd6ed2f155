/**
 * The session-based revisions towards clients: reading their messages and encoding our answers. The session itself (its
 * record, its streams) is handled by sessions/ and gateway/.
 */
import { Refusal } from '../base/refusal.ts'
import type { Outcome, ClientDescription } from './call.ts'
import { offeredToSession } from './capabilities.ts'
import { knownContent } from './bridge/content-downgrades.ts'
import { editObject, isObject, type JsonValue, type RawObject, rawObject } from './json-text.ts'
import { type Answer, errorAnswer, readMessage, withMeta } from './jsonrpc.ts'
import { resultForSession } from './bridge/results.ts'
import {
  hasBatches,
  hasStructuredContent,
  headerlessVersion,
  isLegacyVersion,
  metaKeys,
  negotiate,
} from './revisions.ts'

/** A limit, because the client's description is kept as long as its session. */
const maxDescriptionChars = 64 * 1024

/** The client's description from the params of `initialize`. Throws `invalid_params`. [lifecycle, initialization] */
export function readInitialize(params: RawObject | undefined): ClientDescription {
  const asked = params?.value['protocolVersion']
  const capabilities = params?.value['capabilities']
  const info = params?.value['clientInfo']
  if (typeof asked !== 'string' || !isObject(capabilities) || !isObject(info)) {
    throw new Refusal('invalid_params', { message: 'initialize needs protocolVersion, capabilities and clientInfo.' })
  }
  // Servers refuse a handshake without these, but only after a process was started for it.
  if (typeof info['name'] !== 'string' || typeof info['version'] !== 'string') {
    throw new Refusal('invalid_params', { message: 'clientInfo needs name and version.' })
  }
  if (params && params.text.length > maxDescriptionChars) {
    throw new Refusal('invalid_params', { message: `initialize takes at most ${maxDescriptionChars} characters.` })
  }
  return {
    era: 'legacy',
    version: negotiate(asked),
    capabilities,
    info,
  }
}

/**
 * Checks the version header of a request within a session. Throws `invalid_request`. A supported version other than the
 * negotiated one is tolerated. [2025-06-18 transports, protocol version header]
 */
export function checkVersionHeader(header: string | undefined): void {
  const version = header ?? headerlessVersion
  if (!isLegacyVersion(version)) {
    throw new Refusal('invalid_request', { message: 'This protocol version is not supported.' })
  }
}

/** Methods of the stateless revision. Not forwarded for a session: the worker would send the notifications to all sessions that share it. */
const laterMethods = new Set(['server/discover', 'subscriptions/listen'])

/** Throws `method_not_found` for a method that these revisions do not have. */
export function checkMethod(method: string): void {
  if (laterMethods.has(method)) throw new Refusal('method_not_found')
}

/** Whether this client may send several messages in one body. [2025-03-26 basic, batching] */
export function mayBatch(version: string): boolean {
  return hasBatches(version)
}

/** The result of `initialize`: the server's description, in the version that was negotiated with this client. */
export function initializeResult(serverDescription: RawObject, client: ClientDescription): Answer {
  const said = { protocolVersion: client.version }
  if (serverDescription.value['protocolVersion'] !== undefined)
    return { kind: 'result', result: editObject(serverDescription, said) }
  // A stateless server has its info in `_meta`, and members that these revisions do not know.
  const { capabilities, instructions } = serverDescription.value
  const meta = serverDescription.value['_meta']
  const info = isObject(meta) ? meta[metaKeys.serverInfo] : undefined
  const result: Record<string, JsonValue> = {
    ...said,
    capabilities: isObject(capabilities) ? offeredToSession(capabilities, client) : {},
    serverInfo: { name: 'unknown', version: 'unknown', ...(isObject(info) && info) },
  }
  if (instructions !== undefined) result['instructions'] = instructions
  return { kind: 'result', result: rawObject(result) }
}

/** Members of results that only the stateless revision has. */
const statelessMembers = ['resultType', 'ttlMs', 'cacheScope']

/**
 * The answer in the form of the client's revision. The answer of a session-based server is forwarded unchanged, except for
 * content that an older client cannot read at all; the answer of a stateless server loses the members that these revisions do
 * not have. Throws `not_supported_by_client_revision` for a request for input, `upstream_invalid` for an unknown result type.
 */
export function encodeLegacyAnswer(outcome: Outcome, method: string, version: string): Answer {
  const { answer, era } = outcome
  if (era === 'legacy') {
    if (hasStructuredContent(version) || answer.kind === 'error') return answer
    return { kind: 'result', result: knownContent(method, answer.result, version) }
  }
  if (answer.kind === 'error') return encodeError(answer, method)
  const type = answer.result.value['resultType']
  if (type === 'input_required') throw new Refusal('not_supported_by_client_revision')
  if (type !== undefined && type !== 'complete') throw new Refusal('upstream_invalid')
  return { kind: 'result', result: resultForSession(method, withoutHints(answer.result), version) }
}

function withoutHints(result: RawObject): RawObject {
  const edits: Record<string, undefined> = {}
  for (const member of statelessMembers) if (member in result.value) edits[member] = undefined
  const meta = result.value['_meta']
  const isNamed = isObject(meta) && metaKeys.serverInfo in meta
  // Usually the server info is all of `_meta`: then it is removed as a whole, in one walk over the text.
  const isOnlyNamed = isNamed && Object.keys(meta).length === 1
  if (isOnlyNamed) edits['_meta'] = undefined
  const plain = Object.keys(edits).length === 0 ? result : editObject(result, edits)
  return isNamed && !isOnlyNamed ? withMeta(plain, { [metaKeys.serverInfo]: undefined }) : plain
}

function encodeError(answer: Answer & { kind: 'error' }, method: string): Answer {
  const { code, data } = answer.error.value
  if (code === -32021) {
    const required = isObject(data) ? data['requiredCapabilities'] : undefined
    const what = isObject(required) ? Object.keys(required).join(', ') : 'something'
    const message = `The call needs ${what} of its client, which this client did not declare or its revision does not have.`
    return errorAnswer(-32602, message, isObject(data) ? data : undefined)
  }
  // mcplex made the headers and the version of that request, so the client is not at fault.
  if (code === -32020 || code === -32022) return errorAnswer(-32603, 'The server refused the request.')
  // In these revisions a missing resource has a code of its own. [2025-11-25 resources, error handling]
  const isMissing = code === -32602 && method === 'resources/read' && isObject(data) && typeof data['uri'] === 'string'
  return isMissing ? { kind: 'error', error: editObject(answer.error, { code: -32002 }) } : answer
}

/** The outcome in the text of a response that mcplex wrote. */
export function outcomeIn(text: string): Outcome {
  const message = readMessage(text, JSON.parse(text))
  const answer = message.kind === 'response' ? message.answer : errorAnswer(-32603, 'An internal error happened.')
  return { answer, era: 'legacy', worker: undefined }
}
