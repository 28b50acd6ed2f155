/**
 * The port of a policy: what decides on each call before it runs, and on its result before the client gets it. An operator
 * gives a webhook (webhook-policy.ts), a program its own functions.
 */
import type { JsonObject } from '../base/json.ts'

/** A call that is decided on. */
export interface PolicyCall {
  /** `tools/call`, `prompts/get` or `resources/read`; after a call that runs as a task also `tasks/get` and `tasks/result`. */
  readonly method: string
  /** The tool or the prompt by the server's own name, the URI of the resource, or the id of the task. */
  readonly name: string
  /** Of a tool or a prompt, as the client has given them; empty if it gave none. */
  readonly arguments: JsonObject
  /** The name of the server that the call is for. */
  readonly upstream: string
  readonly tenant: string
  readonly subject: string
  /** Who vouches for the subject; undefined where nothing asks for credentials. */
  readonly issuer: string | undefined
  /** What the client calls itself, at most 128 characters of it. */
  readonly client: string | undefined
  /** The same for the decisions before and after one run of a call. Unguessable. */
  readonly id: string
  /**
   * How often mcplex itself has run the call again, with what its user has answered to the server; 0 before, and in each
   * request of a client without a session, which makes the further rounds itself.
   */
  readonly round: number
}

/** The call is not run, or its result not given to the client, which is told the reason: one sentence. */
export interface Refused {
  readonly decision: 'refuse'
  readonly reason: string
}

/** The call may run, with these arguments in place of those of the client if there are any. */
export interface MayRun {
  readonly decision: 'pass'
  readonly arguments?: JsonObject
}

/** The client gets the result, or this one in its place: a whole result of the method. */
export interface MayBeTold {
  readonly decision: 'pass'
  readonly result?: JsonObject
}

/** A decision that throws or rejects, or is none of these, could not be made: the call is refused with `policy_unavailable`. */
export interface CallPolicy {
  /** False if calls pass on which no decision can be made. */
  readonly failClosed?: boolean
  /** On a call or a result with a longer text no decision is asked for: none can be made. */
  readonly maxChars?: number
  /**
   * Decides before the call waits for its server. What it gets is frozen: a change is what it returns.
   * @param signal aborts when the client no longer waits
   */
  before?(call: PolicyCall, signal: AbortSignal): MayRun | Refused | Promise<MayRun | Refused>
  /** Decides on the result of a call that has run; not on errors, and not on questions to the user. */
  after?(call: PolicyCall, result: JsonObject, signal: AbortSignal): MayBeTold | Refused | Promise<MayBeTold | Refused>
}
