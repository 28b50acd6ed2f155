/**
 * The neutral model: a call, its updates and its outcome, independent of the eras of client and server.
 * The glossary of ARCHITECTURE.md defines the terms.
 */
import type { Cancel } from '../base/cancel.ts'
import type { Lease } from '../base/lease.ts'
import type { MemoryAccount } from '../base/memory-budget.ts'
import { Refusal } from '../base/refusal.ts'
import { isObject, type JsonObject, memberText, type RawObject } from './json-text.ts'
import type { Answer, RpcId } from './jsonrpc.ts'

/** The two protocol families: sessions (up to 2025-11-25) and stateless requests (from 2026-07-28). */
export type EraName = 'legacy' | 'modern'

/** The authenticated identity of a caller, and what its credentials allow. Compare by `principalKey`, never by the subject alone. */
export interface Principal {
  /** The name of the tenant. */
  readonly tenant: string
  /** Unique within tenant and issuer. */
  readonly subject: string
  /** Who vouches for the subject: the URL of an OAuth issuer, `keys` or `proxy`; undefined where there are no credentials. */
  readonly issuer?: string
  /** What the credentials grant; undefined if they limit nothing. */
  readonly scopes?: readonly string[]
  /** The id of the API key, which may be logged. */
  readonly keyId?: string
  /** When the credentials expire, in milliseconds since 1970; undefined if they do not. */
  readonly expiresAtMs?: number
}

/**
 * What two requests of one principal have in common: tenant, issuer and subject, not the credentials, which are renewed. The
 * parts of a key of all that is kept for a principal.
 */
export function principalKey({
  tenant,
  issuer = '',
  subject,
}: Pick<Principal, 'tenant' | 'issuer' | 'subject'>): string[] {
  return [tenant, issuer, subject]
}

/** A client's description of itself: from `initialize` for a session, from `_meta` of each stateless request. */
export interface ClientDescription {
  readonly era: EraName
  /** The revision spoken with this client. */
  readonly version: string
  /** ClientCapabilities, as declared. */
  readonly capabilities: JsonObject
  /** `clientInfo`; the specification recommends it but does not require it in every request. */
  readonly info: JsonObject | undefined
}

export interface Call {
  /** The client's id, to be echoed; never sent upstream. */
  readonly id: RpcId
  readonly method: string
  readonly params: RawObject | undefined
  readonly client: ClientDescription
  readonly principal: Principal
  /** The session, in the era that has sessions. */
  readonly session: string | undefined
  /** Fairness is measured by this key: the session; without one, the user, or the client's connection if nothing asks for credentials. */
  readonly fairnessKey: string
  /** The client that made the call, as far as that is certain. */
  readonly clientKey: ClientKey
  /** The client's progress token as JSON text, if it wants progress. */
  readonly progressToken: string | undefined
  /** The least severe log level that the client wants during this call. */
  readonly logLevel: string | undefined
  /** The worker that answered an earlier round of the same call, if the call must run there. */
  readonly worker: WorkerId | undefined
  /** The number of the round, if mcplex made the call again or by itself; undefined if the params are the client's own. */
  readonly round?: number
  /** How long the call has taken so far, in milliseconds, if it runs once more: it counts for the time limits. */
  readonly tookMs?: number
  /** How often its client was told that the call waits, if it was. */
  readonly waitNotices?: number
  /** For calls that belong together: all run on the worker of the first, and no other call does meanwhile. */
  readonly reservation?: WorkerReservation
  /** How far it has come, for operators. */
  readonly stage?: CallStage
  /** Counts the memory that is kept for the call, for no longer than the call lasts. */
  readonly memory?: MemoryAccount
  readonly cancel: Cancel
}

/** One for each call of a client, which all copies of the call share. */
export interface CallStage {
  /** Whether a worker has it now; else it waits: in front of its upstream, for a worker, or for its client. */
  isAtWorker: boolean
}

/**
 * Identifies a client with certainty: equal for two calls only if both are of one client. It is the session; without a
 * session each call counts as a different client, unless it returns a state that only the client of an earlier call was
 * given, because many clients may share a connection or a principal.
 */
export type ClientKey = string

/**
 * Identifies a worker among those of all instances of mcplex: `<instance>.<number>`, where the instance is 128 random bits,
 * and the number is the `worker` of log lines and events. It goes through clients and stores (sealed states, continuations):
 * on another instance, or after a restart, it matches no worker. Compared as a whole; only its first part tells the upstream
 * that has started it from one that has taken its place.
 */
export type WorkerId = string

/** A worker that is reserved for several calls. The creator of the reservation releases it. */
export interface WorkerReservation {
  /** Set by the first call. */
  lease: Lease | undefined
}

/** A message of the server that needs no answer, with ids and tokens already those of the client. */
export interface Notification {
  readonly kind: 'notification'
  readonly method: string
  readonly params: RawObject | undefined
}

/** An input request of the server. Its receiver must answer it exactly once. */
export interface InputRequest {
  readonly kind: 'input_request'
  readonly method: string
  readonly params: RawObject | undefined
  /** The id of the request to the client, if it must be this one. Visible characters, no quotes. */
  readonly id?: string
  /** @param expired true if the client did not answer in time or is gone: the answer is then made by mcplex */
  answer(answer: Answer, expired?: boolean): void
  /** Called regularly while the client has not answered: tells a server that supports it that an answer may still come. */
  reportProgress?(): void
  /** Fires when the server no longer wants an answer. */
  readonly withdrawn: Cancel
}

export type Update = Notification | InputRequest

/**
 * Releases the params of a notification that was passed on: the generators of the reply keep the last update in memory until
 * the next one comes, which may take long. To keep the params, keep a reference to them before.
 */
export function forget(update: Update): void {
  const passed: { params: RawObject | undefined } = update
  if (update.kind === 'notification') passed.params = undefined
}

/** How a call ended. `era` is the era whose form the answer has; the codec of the other era translates it. */
export interface Outcome {
  readonly answer: Answer
  readonly era: EraName
  /** The worker that answered, for calls that continue in another round. */
  readonly worker: WorkerId | undefined
  /** How long the call waited for a worker, if it had to. */
  readonly queueMs?: number
}

export type Reply = AsyncGenerator<Update, Outcome, void>

/** Which notifications outside of calls a client has subscribed to. */
export interface Filter {
  readonly toolsListChanged: boolean
  readonly promptsListChanged: boolean
  readonly resourcesListChanged: boolean
  readonly resourceUris: ReadonlySet<string>
}

/** The caller of a request: its principal, client description and session. Enough to find its isolation group. */
export interface Caller {
  readonly principal: Principal
  readonly client: ClientDescription
  readonly session: string | undefined
}

/** The client's progress token to the letter. Throws `invalid_params` if it is neither string nor integer. */
export function progressTokenOf(params: RawObject | undefined): string | undefined {
  const token = metaOf(params)?.['progressToken']
  if (!params || token === undefined) return undefined
  if (typeof token !== 'string' && !Number.isInteger(token)) {
    throw new Refusal('invalid_params', { message: 'A progress token is a string or an integer.' })
  }
  return memberText(memberText(params.text, '_meta') ?? '{}', 'progressToken')
}

/** The `_meta` of params, if there is a proper one. */
export function metaOf(params: RawObject | undefined): JsonObject | undefined {
  const meta = params?.value['_meta']
  return isObject(meta) ? meta : undefined
}
