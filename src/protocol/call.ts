/**
 * The neutral model: a call, and the updates and the outcome that come back of it, whatever era each side speaks.
 * The words are defined in the glossary of ARCHITECTURE.md.
 */
import type { Cancel } from '../base/cancel.ts'
import type { Lease } from '../base/lease.ts'
import type { MemoryAccount } from '../base/memory-budget.ts'
import { Refusal } from '../base/refusal.ts'
import { type JsonObject, memberText, type RawObject } from './json-text.ts'
import type { Answer, RpcId } from './jsonrpc.ts'

/** The two protocol families: sessions (up to 2025-11-25) and stateless requests (from 2026-07-28). */
export type EraName = 'legacy' | 'modern'

/** Who is calling. `subject` is unique within `tenant`. */
export interface Principal {
  readonly tenant: string
  readonly subject: string
}

/** What a client says of itself: in `initialize` for a session, in `_meta` of each request without one. */
export interface ClientDescription {
  readonly era: EraName
  /** The revision spoken with this client. */
  readonly version: string
  /** ClientCapabilities, as declared. */
  readonly capabilities: JsonObject
  /** Implementation; the specification asks for it but does not demand it in every request. */
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
  /** What fairness is measured by: the session, or the client's connection where there is no session. */
  readonly fairnessKey: string
  /** Whose it is, as far as that is certain. */
  readonly clientKey: ClientKey
  /** The client's progress token as JSON text, if it wants progress. */
  readonly progressToken: string | undefined
  /** The least severe log level that the client wants during this call. */
  readonly logLevel: string | undefined
  /** The process that an earlier round of the same interaction was answered by, if it matters. */
  readonly process: number | undefined
  /** Which round it is, if mcplex makes the call again or for itself; else the params are the client's. */
  readonly round?: number
  /** For calls that belong together: all meet the process of the first, and nobody else's call does meanwhile. */
  readonly hold?: Hold
  /** Where it is counted what is kept for the call, and for no longer than it. */
  readonly memory?: MemoryAccount
  readonly cancel: Cancel
}

/**
 * A client as far as it is known for certain: equal in two calls only if both are of one client. That is the session;
 * without one each call is a client of its own, unless it brings back what only the client of another was given, since
 * connections and principals may be those of many.
 */
export type ClientKey = string

/** A process that is held over several calls. Whoever made it releases it. */
export interface Hold {
  /** Set by the first call. */
  lease: Lease | undefined
}

/** A message of the server that needs no answer, with ids and tokens already those of the client. */
export interface Notification {
  readonly kind: 'notification'
  readonly method: string
  readonly params: RawObject | undefined
}

/** A question of the server to the client. Whoever takes it must answer it once. */
export interface InputRequest {
  readonly kind: 'ask'
  readonly method: string
  readonly params: RawObject | undefined
  /** The id under which the client is asked, if it must be this one. Visible characters, no quotes. */
  readonly id?: string
  /** @param expired whether the client said nothing in time, or is gone: the answer is then our own */
  answer(answer: Answer, expired?: boolean): void
  /** Tells a server that wants to know that an answer may still come; now and then while one is waited for. */
  stillAsking?(): void
  /** Fires when the server no longer wants an answer. */
  readonly withdrawn: Cancel
}

export type Update = Notification | InputRequest

/**
 * A notification has been passed on: what it says is let go, for the steps of the reply that it came through keep hold
 * of it until the next one comes, which may be long. Who keeps it for itself keeps a copy.
 */
export function forget(update: Update): void {
  const passed: { params: RawObject | undefined } = update
  if (update.kind === 'notification') passed.params = undefined
}

/** How a call ended. `spoken` is the era whose shapes the answer has: who writes it in the other era translates it. */
export interface Outcome {
  readonly answer: Answer
  readonly era: EraName
  /** The process that answered, for calls that go on in a further round. */
  readonly process: number | undefined
  /** How long the call waited for a process, if it had to. */
  readonly queueMs?: number
}

export type Reply = AsyncGenerator<Update, Outcome, void>

/** What a listener wants to hear of outside of calls. */
export interface Filter {
  readonly toolsListChanged: boolean
  readonly promptsListChanged: boolean
  readonly resourcesListChanged: boolean
  readonly resourceUris: ReadonlySet<string>
}

/** Who somebody is and which era they want to be served in: enough to find their unit. */
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
  return typeof meta === 'object' && meta !== null && !Array.isArray(meta) ? (meta as JsonObject) : undefined
}
