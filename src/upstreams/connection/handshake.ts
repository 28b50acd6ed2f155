/**
 * The handshake of each era, and whether an answer to it is valid. era-detection.ts decides which era to try.
 * [2026-07-28 versioning, clients of several eras; 2025-11-25 lifecycle]
 */
import { terminalSafeLine } from '../../base/terminal-safe.ts'
import { asRefusal } from '../../base/refusal.ts'
import type { ClientDescription } from '../../protocol/call.ts'
import { isObject, type JsonObject, type RawObject } from '../../protocol/json-text.ts'
import { type Answer, withMeta } from '../../protocol/jsonrpc.ts'
import { initializeParams } from '../../protocol/legacy-client.ts'
import { envelope } from '../../protocol/modern-client.ts'
import { legacyVersions, modernVersion, newestLegacy } from '../../protocol/revisions.ts'
import type { UpstreamConnection } from './connection.ts'

const maxSaidChars = 500

/** Text of the server for the operator's log. It may repeat text of the client. */
function said(text: string): string {
  return terminalSafeLine(text.slice(0, maxSaidChars), maxSaidChars)
}

/** The error that a server answered with, for the operator's log. */
function refusedBy(method: string, error: JsonObject): Error {
  const code = JSON.stringify(error['code'])
  return new Error(`the server answered ${method} with error ${code}: ${said(JSON.stringify(error['message']))}`)
}

/** Sends a request. For an invalid answer, throws what is wrong with it instead of the refusal for clients. */
async function ask(
  connection: UpstreamConnection,
  method: string,
  params: RawObject,
  timeoutMs: number,
): Promise<Answer> {
  try {
    return await connection.request(method, params, timeoutMs)
  } catch (error) {
    const refusal = asRefusal(error)
    throw refusal?.code === 'upstream_invalid' ? refusal.details.cause : error
  }
}

/**
 * Does the handshake of the session-based era; returns the InitializeResult. If the server refuses the revision, others
 * are offered as time allows: those that it names, or else older ones and then newer ones. Throws the first error of the
 * server, or the refusal for a time-out or an ended worker.
 */
export async function sendInitialize(
  connection: UpstreamConnection,
  client: ClientDescription,
  announced: RawObject,
  own: JsonObject,
  timeoutMs: number,
): Promise<RawObject> {
  const endMs = connection.nowMs + timeoutMs
  let offers: readonly string[] = [client.era === 'legacy' ? client.version : newestLegacy]
  const tried = new Set<string>()
  let refused: Error | undefined
  for (let [version] = offers; version !== undefined; [version] = offers) {
    tried.add(version)
    const params = initializeParams({ ...client, era: 'legacy', version }, announced, own)
    const answer = await ask(connection, 'initialize', params, Math.max(0, endMs - connection.nowMs)).catch(
      (error: unknown) => {
        // The first error says more than silence to a later offer.
        throw refused ?? error
      },
    )
    if (answer.kind === 'result') {
      if (typeof answer.result.value['protocolVersion'] !== 'string')
        throw new Error('the answer to initialize has no "protocolVersion"')
      connection.tell('notifications/initialized', undefined)
      return answer.result
    }
    refused ??= refusedBy('initialize', answer.error.value)
    offers = otherVersions(version, answer.error.value).filter((other) => !tried.has(other))
  }
  throw refused ?? new Error('no revision could be offered')
}

/** The revisions to offer after an error, best first; none if the error is not about the revision. */
function otherVersions(version: string, { message, data }: JsonObject): readonly string[] {
  const supported = isObject(data) ? data['supported'] : undefined
  const named = legacyVersions.filter((known) => Array.isArray(supported) && supported.includes(known))
  if (named.length > 0) return named
  const isOfVersion = /version|protocol/i.test(JSON.stringify([message, data]))
  if (!isOfVersion) return []
  // Older ones first, but also newer ones: the client may be older than all revisions of the server.
  const isOlder = (known: string): boolean => known < version
  return [...legacyVersions.filter(isOlder), ...legacyVersions.filter((known) => !isOlder(known))]
}

/** Asks a stateless server for its DiscoverResult. Throws if the answer is an error or names no revision of ours. */
export async function discover(
  connection: UpstreamConnection,
  client: ClientDescription,
  announced: RawObject,
  timeoutMs: number,
): Promise<RawObject> {
  const params = withMeta(undefined, envelope(client, announced))
  const answer = await ask(connection, 'server/discover', params, timeoutMs)
  if (answer.kind === 'error') throw refusedBy('server/discover', answer.error.value)
  if (!offersOurs(answer.result)) throw new Error('the server speaks no revision that is known here')
  return answer.result
}

/** Whether a DiscoverResult offers a revision that we speak. */
function offersOurs(result: RawObject): boolean {
  const versions = result.value['supportedVersions']
  return Array.isArray(versions) && versions.includes(modernVersion)
}
