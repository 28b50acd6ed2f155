/**
 * The port to the place where the server objects of a module live: this thread, or a thread of their own. What crosses it
 * is plain data, so that it can be sent to a thread.
 */
import type { SharedResourceFacts } from '../../base/shared-resource-facts.ts'
import type { Awaitable } from '../../base/awaitable.ts'
import type { JsonObject } from '../../base/json.ts'
import type { PastCall } from '../../protocol/past-call.ts'

/** The caller of a request, for the handler that works on it. */
export interface CallerFacts {
  readonly tenant: string
  readonly issuer?: string
  readonly subject: string
  readonly session: string | undefined
  readonly revision: string
  readonly capabilities: JsonObject
  readonly info: JsonObject | undefined
}

/** How a server object ended by itself. */
export interface ObjectEnd {
  /** What it did, for the log, such as `it closed its connection`. */
  readonly what: string
  /** The error with its stack, if there is one: for the operator alone. */
  readonly error?: string
}

/** Its methods must not throw. */
export interface ObjectListener {
  /** A message of the server, as JSON. @param callId the id of the call for which it is sent, if that is known */
  message(text: string, callId?: number): void
  /** The server object is of no use any more: it could not be made, or has ended. The last call. */
  ended(end: ObjectEnd): void
  /** The module has failed in a way that did not end the object. For the log. */
  complained(end: ObjectEnd): void
}

export interface HostedObject {
  /** Passes a message on. @param facts the caller of a request; undefined if it is of mcplex itself */
  send(line: string, facts: CallerFacts | undefined): void
  /** Has the server send no more (or send again): what it sends waits, and its `send` with it. */
  hold(isHeld: boolean): void
  /** Ends the object; resolves when it has closed, 2 s later at the latest. `ended` is not called for it. */
  close(): Promise<void>
  /** Ends it at once, and whatever has to end with it. */
  kill(): void
}

export interface ObjectHost {
  /** Loads the module. Throws what is wrong with it, once for all calls. */
  load(): Promise<void>
  /** Makes a server object with the module's factory. Messages sent before it is made wait for it. */
  open(listener: ObjectListener, owner: CallerFacts | undefined): HostedObject
  /** Figures of what the module shares among its sessions. */
  counts(): Readonly<Record<string, number>>
  /** What of that is in use or waited for, by name: the first hundred. */
  sharedResources(): readonly SharedResourceFacts[]
  /** Ends what is left of it. */
  close(): Promise<void>
}

/** What a module has stored for a session. */
export interface ToolSessionState {
  readonly values: JsonObject
  /** A change must name it. 0: nothing is stored. */
  readonly version: number
  /** The most that the values may take as JSON, in bytes. */
  readonly maxBytes: number
}

/** The state of sessions, as the gateway keeps it for modules. */
export interface ToolSessions {
  /** Throws a `Refusal` if the session has ended. */
  read(facts: CallerFacts): Promise<ToolSessionState>
  /**
   * Stores the state if it still has that version; else it is a `conflict`. With `no_memory` nothing is stored. Throws an
   * `Error` if it is too large, and a `Refusal` if the session has ended.
   */
  replace(facts: CallerFacts, values: JsonObject, version: number): Promise<'stored' | 'conflict' | 'no_memory'>
  /** The last calls of the session. */
  history(facts: CallerFacts): Awaitable<readonly PastCall[]>
}
