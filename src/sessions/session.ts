/**
 * A session as plain data, and the rules for it. Pure. What an instance holds for a session besides (calls in flight,
 * streams) is in live-session.ts.
 */
import { bytesOf, bytesOfValue } from '../base/memory-budget.ts'
import { isObject, type JsonObject } from '../protocol/json-text.ts'
import { type Principal, type ClientDescription, principalKey } from '../protocol/call.ts'

export interface Session {
  readonly id: string
  readonly principal: Principal
  readonly client: ClientDescription
  /** The name of the endpoint that it was opened at, and is served at; empty for the endpoint of all upstreams. */
  readonly endpoint: string
  readonly createdAtMs: number
  /** Whether the client has completed the handshake. */
  readonly ready: boolean
  /** The level of `logging/setLevel`. */
  readonly logLevel: string | undefined
  /** Resources that the client has subscribed to. */
  readonly uris: readonly string[]
}

/** The key of a session's record. It contains tenant, issuer, subject and id, so the id of another principal's session finds nothing. */
export function sessionKey(principal: Principal, id: string): string {
  return `session/${principalKey(principal).map(encodeURIComponent).join('/')}/${id}`
}

export function toRecord(session: Session): JsonObject {
  const { client } = session
  return {
    createdAtMs: session.createdAtMs,
    version: client.version,
    capabilities: client.capabilities,
    ...(client.info && { info: client.info }),
    ...(session.endpoint !== '' && { endpoint: session.endpoint }),
    ready: session.ready,
    ...(session.logLevel !== undefined && { logLevel: session.logLevel }),
    // Written even if empty: an update keeps members of the stored record that are not in the new one.
    uris: session.uris,
  }
}

/** The session of a record; undefined if the record does not have the shape of `toRecord`. */
export function fromRecord(
  principal: Principal,
  id: string,
  record: { readonly [key: string]: unknown },
): Session | undefined {
  const { createdAtMs, version, capabilities, info, endpoint } = record
  if (typeof createdAtMs !== 'number' || typeof version !== 'string' || !isObject(capabilities)) return undefined
  return {
    id,
    principal,
    client: { era: 'legacy', version, capabilities, info: isObject(info) ? info : undefined },
    endpoint: typeof endpoint === 'string' ? endpoint : '',
    createdAtMs,
    ...changingMembers(record),
  }
}

/**
 * The session after another look at its record: `ready`, `logLevel` and `uris` as they are stored. Returns the same object if
 * they have not changed; the other members never change.
 */
export function withStored(session: Session, record: { readonly [key: string]: unknown }): Session {
  const stored = changingMembers(record)
  const isSame =
    stored.ready === session.ready &&
    stored.logLevel === session.logLevel &&
    stored.uris.length === session.uris.length &&
    stored.uris.every((uri, at) => uri === session.uris[at])
  return isSame ? session : { ...session, ...stored }
}

const noUris: readonly string[] = []

function changingMembers(record: { readonly [key: string]: unknown }): Pick<Session, 'ready' | 'logLevel' | 'uris'> {
  const { ready, logLevel, uris } = record
  return {
    ready: ready === true,
    logLevel: typeof logLevel === 'string' ? logLevel : undefined,
    uris: Array.isArray(uris) && uris.length > 0 ? uris.filter((uri) => typeof uri === 'string') : noUris,
  }
}

/** The session once its client has completed the handshake. */
export function completed(session: Session): Session {
  return session.ready ? session : { ...session, ready: true }
}

/** The cost of a session with its record and stream, besides the client's description, in bytes: measured, rounded up. */
const sessionBytes = 8 * 1024
/** The cost of a subscribed URI besides its characters, in the session, its filter and those of its worker, in bytes. */
const uriBytes = 256

/** The memory of a session as long as it lives, in bytes. */
export function bytesOfSession(session: Session): number {
  return sessionBytes + bytesOfValue(session.client) + bytesOfUris(session.uris)
}

/** The memory of a subscription as long as its session has it, in bytes. */
export function bytesOfUri(uri: string): number {
  return uriBytes + bytesOf(uri)
}

export function bytesOfUris(uris: readonly string[]): number {
  return uris.reduce((sum, uri) => sum + bytesOfUri(uri), 0)
}

/** The reason why a session must end now; undefined if it must not. */
export function endReason(
  times: {
    readonly nowMs: number
    readonly createdAtMs: number
    readonly seenAtMs: number
    readonly ready: boolean
    readonly busy: boolean
  },
  limits: { readonly idleTimeoutMs: number; readonly maxSessionMs: number; readonly handshakeTimeoutMs: number },
): 'idle' | 'max_age' | 'no_handshake' | undefined {
  if (times.nowMs - times.createdAtMs >= limits.maxSessionMs) return 'max_age'
  if (times.busy) return undefined
  if (!times.ready && times.nowMs - times.createdAtMs >= limits.handshakeTimeoutMs) return 'no_handshake'
  return times.nowMs - times.seenAtMs >= limits.idleTimeoutMs ? 'idle' : undefined
}
