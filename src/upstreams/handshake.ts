/**
 * The first words with a server: the handshake of each era, and whether what comes back is one. Which era to try is
 * probe.ts. [2026-07-28 versioning, clients of several eras; 2025-11-25 lifecycle]
 */
import type { Speaker } from '../protocol/call.ts'
import type { JsonObject, RawObject } from '../protocol/json-text.ts'
import { withMeta } from '../protocol/jsonrpc.ts'
import { initializeParams } from '../protocol/legacy-client.ts'
import { envelope } from '../protocol/modern-client.ts'
import { modernVersion } from '../protocol/revisions.ts'
import type { Connection } from './connection.ts'

const maxSaidChars = 500

/** For the operator's log: what the server said instead of an answer. */
function refusedBy(method: string, error: JsonObject): Error {
  // It may repeat what its client said of itself.
  const said = JSON.stringify(error['message']).slice(0, maxSaidChars)
  return new Error(`the server answered ${method} with error ${JSON.stringify(error['code'])}: ${said}`)
}

/** Says hello in the session-based era; the result is what the server says of itself. */
export async function initialize(
  connection: Connection,
  speaker: Speaker,
  announced: RawObject,
  own: JsonObject,
  timeoutMs: number,
): Promise<RawObject> {
  const answer = await connection.request('initialize', initializeParams(speaker, announced, own), timeoutMs)
  if (answer.kind === 'error') throw refusedBy('initialize', answer.error.value)
  if (typeof answer.result.value['protocolVersion'] !== 'string')
    throw new Error('the answer to initialize is not valid')
  connection.tell('notifications/initialized', undefined)
  return answer.result
}

/** Asks a stateless server for what it says of itself. */
export async function discover(
  connection: Connection,
  speaker: Speaker,
  announced: RawObject,
  timeoutMs: number,
): Promise<RawObject> {
  const answer = await connection.request(
    'server/discover',
    withMeta(undefined, envelope(speaker, announced)),
    timeoutMs,
  )
  if (answer.kind === 'error') throw refusedBy('server/discover', answer.error.value)
  if (!offersOurs(answer.result)) throw new Error('the server speaks no revision that is known here')
  return answer.result
}

/** Whether the answer to `server/discover` offers a revision that we speak. */
function offersOurs(result: RawObject): boolean {
  const versions = result.value['supportedVersions']
  return Array.isArray(versions) && versions.includes(modernVersion)
}
