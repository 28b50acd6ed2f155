/**
 * The first words with a server: the handshake of each era, and which eras it speaks.
 * [2026-07-28 versioning, clients of several eras; 2025-11-25 lifecycle]
 */
import type { Speaker } from '../protocol/call.ts'
import type { JsonObject, RawObject } from '../protocol/json-text.ts'
import { type Answer, withMeta } from '../protocol/jsonrpc.ts'
import { initializeParams } from '../protocol/legacy-client.ts'
import { envelope, isModernError } from '../protocol/modern-client.ts'
import { modernVersion } from '../protocol/revisions.ts'
import type { Connection } from './connection.ts'

/** The server answered, but not as a server of that era does. */
export class HandshakeError extends Error {
  readonly answer: JsonObject | undefined

  constructor(message: string, answer?: JsonObject) {
    super(message)
    this.name = 'HandshakeError'
    this.answer = answer
  }
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
  if (answer.kind === 'error') throw new HandshakeError('the server refused to initialize', answer.error.value)
  if (typeof answer.result.value['protocolVersion'] !== 'string')
    throw new HandshakeError('the answer to initialize is not valid')
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
  if (answer.kind === 'error') throw new HandshakeError('the server refused to be discovered', answer.error.value)
  if (!speaksModern(answer)) throw new HandshakeError('the server speaks no revision that is known here')
  return answer.result
}

/** Whether the answer to `server/discover` is one of a stateless server that we understand. */
function speaksModern(answer: Answer): boolean {
  if (answer.kind === 'error') return isModernError(answer.error.value)
  const versions = answer.result.value['supportedVersions']
  return Array.isArray(versions) && versions.includes(modernVersion)
}
