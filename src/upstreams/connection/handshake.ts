/**
 * The first words with a server: the handshake of each era, and whether what comes back is one. Which era to try is
 * probe.ts. [2026-07-28 versioning, clients of several eras; 2025-11-25 lifecycle]
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

/** Words of the server for the operator's log. They may repeat what its client said of itself. */
function said(text: string): string {
  return terminalSafeLine(text.slice(0, maxSaidChars), maxSaidChars)
}

/** For the operator's log: what the server said instead of an answer. */
function refusedBy(method: string, error: JsonObject): Error {
  const code = JSON.stringify(error['code'])
  return new Error(`the server answered ${method} with error ${code}: ${said(JSON.stringify(error['message']))}`)
}

/** Throws what was wrong with an answer that was none, instead of the refusal that a client would get. */
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
 * Says hello in the session-based era; the result is what the server says of itself. A server that refuses the revision
 * is offered others, as long as the time allows: those that it names, or else the older ones and then the newer.
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
        // What it said says more than that it said nothing to the next offer.
        throw refused ?? error
      },
    )
    if (answer.kind === 'result') {
      if (typeof answer.result.value['protocolVersion'] !== 'string')
        throw new Error(`the answer to initialize has no "protocolVersion": ${said(answer.result.text)}`)
      connection.tell('notifications/initialized', undefined)
      return answer.result
    }
    refused ??= refusedBy('initialize', answer.error.value)
    offers = otherVersions(version, answer.error.value).filter((other) => !tried.has(other))
  }
  throw refused ?? new Error('no revision could be offered')
}

/** The revisions to offer to a server that has answered with an error, best first; none if the error is about something else. */
function otherVersions(version: string, { message, data }: JsonObject): readonly string[] {
  const supported = isObject(data) ? data['supported'] : undefined
  const named = legacyVersions.filter((known) => Array.isArray(supported) && supported.includes(known))
  if (named.length > 0) return named
  const isOfVersion = /version|protocol/i.test(JSON.stringify([message, data]))
  if (!isOfVersion) return []
  // Older ones first: a client of an old revision may be before a server that only knows newer ones.
  const isOlder = (known: string): boolean => known < version
  return [...legacyVersions.filter(isOlder), ...legacyVersions.filter((known) => !isOlder(known))]
}

/** Asks a stateless server for what it says of itself. */
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

/** Whether the answer to `server/discover` offers a revision that we speak. */
function offersOurs(result: RawObject): boolean {
  const versions = result.value['supportedVersions']
  return Array.isArray(versions) && versions.includes(modernVersion)
}
