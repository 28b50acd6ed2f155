/** What a handler of an in-process server learns of the call that it works on, and can do for it. */
import type { PastCall } from '../protocol/past-call.ts'

export type { PastCall }

/** The state that a module keeps for a session: plain JSON by key. Give `useCall` the type of yours. */
export type AnyState = Record<string, unknown>

export interface ToolCall<State extends object = AnyState> {
  /** The tenant of the caller; `default` where clients need no credentials. */
  readonly tenant: string
  /** Who vouches for the subject: the URL of an OAuth issuer, `keys` or `proxy`; undefined where clients need no credentials. */
  readonly issuer: string | undefined
  /** The caller, unique within tenant and issuer; `anonymous` where clients need no credentials. */
  readonly subject: string
  /** The session of the caller; undefined for a client of the stateless revision, which has none. */
  readonly session: ToolSession<State> | undefined
  readonly client: ToolClient
  /** Aborted when the call is cancelled, its client is gone or the server is closed. */
  readonly signal: AbortSignal
  /** Reports progress, if the client has asked for it. `progress` must rise. */
  progress(progress: number, total?: number, message?: string): void
  /**
   * Asks the user (`elicitation/create`): `message` and `requestedSchema`. Works for clients of both eras. Rejects if the
   * client has not declared the capability, if the call is cancelled or answered before, or with the error of the client.
   */
  elicit(params: ElicitParams): Promise<ElicitResult>
  /** Has the client sample from its model (`sampling/createMessage`). Rejects as `elicit` does. */
  sample(params: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>>
  /** Asks for the roots of the client (`roots/list`). Rejects as `elicit` does. */
  listRoots(): Promise<ReadonlyArray<{ readonly uri: string; readonly name?: string }>>
}

/** What a client says of itself. */
export interface ToolClient {
  readonly name: string | undefined
  readonly version: string | undefined
  /** The protocol revision that it speaks with mcplex. */
  readonly revision: string
  /** The capabilities that it has declared. */
  readonly capabilities: Readonly<Record<string, unknown>>
}

export interface ElicitParams {
  readonly message: string
  /** A flat JSON Schema of an object: what the user is asked for. */
  readonly requestedSchema: Readonly<Record<string, unknown>>
  readonly [key: string]: unknown
}

export interface ElicitResult {
  readonly action: 'accept' | 'decline' | 'cancel'
  /** What the user has entered, if `action` is `accept`. */
  readonly content?: Readonly<Record<string, unknown>>
}

/**
 * The caller's session, with a state of its own. What is stored is plain JSON, belongs to this module alone, and is gone
 * when the session ends. All methods reject once the session has ended.
 */
export interface ToolSession<State extends object = AnyState> {
  readonly id: string
  get<Key extends keyof State & string>(key: Key): Promise<State[Key] | undefined>
  /**
   * Rejects if the state of the session would be larger than `sessions.stateBytes`, or the value is no JSON: it has a
   * function, a `Map` or `NaN` in it, for example. Rejects as well if 10,000 changes of the session wait, or the server object
   * has ended. Changes of a session are made in the order in which they were begun.
   */
  set<Key extends keyof State & string>(key: Key, value: State[Key]): Promise<void>
  /**
   * Changes a value in one step: no other call of the session writes in between. `change` must be pure, because it runs
   * again if another instance of mcplex has written meanwhile. Returns the new value. Rejects as `set` does, and with what
   * `change` throws; an async `change` is refused.
   */
  update<Key extends keyof State & string>(
    key: Key,
    change: (value: State[Key] | undefined) => State[Key],
  ): Promise<State[Key]>
  /** Returns whether there was a value. */
  delete(key: keyof State & string): Promise<boolean>
  /** The last 100 calls of the session that have ended, oldest first, whatever server they went to. */
  history(): Promise<readonly PastCall[]>
}
