/**
 * A server object of a module in this thread: made by the module's factory and connected through a transport of our own.
 * Each message is handled in the scope of its call, which `useCall` finds.
 */
import { type Clock, pause } from '../../base/clock.ts'
import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts'
import type { SharedResources } from '../../shared-resources/shared-resources.ts'
import { type CallScope, callScopes, outside } from '../../use-call/call-scope.ts'
import { errorAnswer, responseText } from '../../protocol/jsonrpc.ts'
import { ClientRequests } from './client-requests.ts'
import { HeldMessages } from './held-messages.ts'
import { HandledCall } from './handled-call.ts'
import { isServerObject, ModuleError, type ServerLike } from './load-module.ts'
import { ObjectChanges } from './object-changes.ts'
import type { CallerFacts, HostedObject, ObjectListener, ToolSessions } from './object-host.ts'
import type { ServerFactory } from './options.ts'
import type { StateChanges } from './state-changes.ts'

/** How long the server object may take to close. */
const closeMs = 2000

/** What an official SDK needs of a transport. */
interface SdkTransport {
  sessionId: string | undefined
  onmessage?: (message: unknown) => void
  onclose?: () => void
  onerror?: (error: Error) => void
  start(): Promise<void>
  /** @param options may name the request of a client for which a message is sent */
  send(message: unknown, options?: { readonly relatedRequestId?: unknown }): Promise<void>
  close(): Promise<void>
}

export interface LocalObjectNeeds {
  readonly factory: ServerFactory
  readonly listener: ObjectListener
  /** The caller whom the object is for; undefined if it is for several. */
  readonly owner: CallerFacts | undefined
  readonly sessions: ToolSessions
  /** The changes of the states of sessions, of all server objects of the module. */
  readonly changes: StateChanges
  readonly resources: SharedResources
  readonly clock: Clock
  /** The server objects that the factory has made before. */
  readonly made: WeakSet<object>
}

export class LocalObject implements HostedObject {
  readonly #needs: LocalObjectNeeds
  readonly #transport: SdkTransport
  readonly #calls = new Map<unknown, HandledCall>()
  readonly #requests: ClientRequests
  readonly #changes: ObjectChanges
  readonly #held: HeldMessages
  readonly #scope: CallScope
  /** Messages that came before the object was made. */
  #early: Array<{ readonly line: string; readonly facts: CallerFacts | undefined }> | undefined = []
  #server: ServerLike | undefined
  #isOver = false

  constructor(needs: LocalObjectNeeds) {
    this.#needs = needs
    this.#changes = new ObjectChanges(needs.changes)
    this.#held = new HeldMessages((text, callId) => outside(() => needs.listener.message(text, callId)))
    this.#requests = new ClientRequests(
      (message, callId) => void this.#held.send(JSON.stringify(message), this.#knownCall(callId)),
    )
    this.#scope = {
      call: undefined,
      resources: needs.resources,
      failed: (what, error) => this.#failed(what, error),
    }
    this.#transport = {
      sessionId: needs.owner?.session,
      start: async () => {},
      send: (message, options) => this.#send(message, options?.relatedRequestId),
      close: async () => {
        this.#end({ what: 'it closed its connection' })
        this.#tellClosed()
      },
    }
    void this.#open()
  }

  send(line: string, facts: CallerFacts | undefined): void {
    if (this.#isOver) return
    if (this.#early) this.#early.push({ line, facts })
    else this.#receive(line, facts)
  }

  hold(isHeld: boolean): void {
    this.#held.hold(isHeld)
  }

  async close(): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    const closed = this.#closeServer()
    await Promise.all([Promise.race([closed, pause(this.#needs.clock, closeMs)]), this.#over('the server is closed')])
  }

  kill(): void {
    this.#changes.end()
    void this.close()
  }

  async #open(): Promise<void> {
    const { factory, owner, made } = this.#needs
    try {
      await callScopes().run(this.#scope, async () => {
        const server: unknown = await factory({ era: 'legacy', sessionId: owner?.session })
        if (!isServerObject(server))
          throw new ModuleError('its factory returned no MCP server: an object that has `connect`')
        if (made.has(server))
          throw new ModuleError(
            'its factory returned the same server object twice: it must make a new one at each call',
          )
        made.add(server)
        this.#server = server
        if (!this.#isOver) await server.connect(this.#transport)
      })
    } catch (error) {
      return this.#end({ what: 'its factory failed', error: wordsOf(error) })
    }
    if (this.#isOver) return void this.#closeServer()
    const early = this.#early ?? []
    this.#early = undefined
    for (const { line, facts } of early) this.#receive(line, facts)
  }

  async #closeServer(): Promise<void> {
    const server = this.#server
    try {
      try {
        if (server?.close) await callScopes().run(this.#scope, () => server.close?.())
      } finally {
        this.#tellClosed()
      }
    } catch {
      // What fails while it ends concerns no client.
    }
  }

  /** Tells the SDK once that the connection is closed: it then calls the module's own `onclose`. */
  #tellClosed(): void {
    const { onclose } = this.#transport
    delete this.#transport.onclose
    if (onclose) callScopes().run(this.#scope, onclose)
  }

  #receive(line: string, facts: CallerFacts | undefined): void {
    const message: unknown = JSON.parse(line)
    if (!isObject(message)) return
    const { id, method, params } = message
    if (typeof method !== 'string') {
      if (callScopes().run(this.#scope, () => this.#requests.settle(message))) return
    } else if (id === undefined) {
      if (method === 'notifications/cancelled' && isObject(params))
        this.#cancelled(params['requestId'], params['reason'])
    } else if (facts) return this.#handle(message, facts)
    this.#pass(message, this.#scope)
  }

  /** Passes a request of a client on, in the scope of its call. */
  #handle(message: JsonObject, facts: CallerFacts): void {
    const { id, params } = message
    const meta = isObject(params) && isObject(params['_meta']) ? params['_meta'] : undefined
    const call = new HandledCall({
      id,
      facts,
      sessions: this.#needs.sessions,
      changes: this.#changes,
      requests: this.#requests,
      progressToken: meta?.['progressToken'],
      notify: (notification) => void this.#held.send(JSON.stringify(notification)),
    })
    this.#calls.set(id, call)
    this.#transport.sessionId = facts.session
    const { resources, failed } = this.#scope
    this.#pass(message, { call, resources, failed })
  }

  /** The SDKs do not answer a cancelled call, so it is over. */
  #cancelled(id: JsonValue | undefined, reason: unknown): void {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    if (call) this.#cancel(call, reason)
  }

  /** Listeners of the call's signal are code of the module: they run in the scope of the call. */
  #cancel(call: HandledCall, reason: unknown): void {
    try {
      callScopes().run({ ...this.#scope, call }, () => call.cancel(reason))
    } catch (error) {
      this.#failed('it failed when a call was cancelled', error)
    }
  }

  #pass(message: JsonObject, scope: CallScope): void {
    try {
      callScopes().run(scope, () => this.#transport.onmessage?.(message))
    } catch (error) {
      this.#needs.listener.complained({ what: 'it failed at a message', error: wordsOf(error) })
    }
  }

  /**
   * Takes a message of the server object. A result that is no JSON must not leave its call without an answer. Not an async
   * function: each promise costs a microsecond where code of a module runs, since Node follows it for `useCall`.
   */
  #send(message: unknown, relatedId: unknown): Promise<void> {
    try {
      return this.#held.send(this.#textOf(message), this.#knownCall(relatedId))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #textOf(message: unknown): string {
    if (this.#isOver) throw new Error('the connection is closed')
    if (!isObject(message)) throw new TypeError('a message is an object')
    const isAnswer = message['method'] === undefined && message['id'] !== undefined
    let text: string
    try {
      text = JSON.stringify(message)
    } catch (error) {
      if (!isAnswer) throw error
      this.#needs.listener.complained({ what: 'it returned a result that is no JSON', error: wordsOf(error) })
      text = responseText(JSON.stringify(message['id']), errorAnswer(-32603, 'The result of the server is no JSON'))
    }
    if (isAnswer) this.#answered(message['id'])
    return text
  }

  /** The id of a call in flight; undefined if it is none. */
  #knownCall(id: unknown): number | undefined {
    return typeof id === 'number' && this.#calls.has(id) ? id : undefined
  }

  #answered(id: JsonValue | undefined): void {
    this.#calls.get(id)?.end()
    this.#calls.delete(id)
  }

  /** Code of the module has failed outside of what its SDK catches: its object is in an unknown state. */
  #failed(what: string, error: unknown): void {
    this.#end({ what, error: wordsOf(error) })
  }

  #end(end: { readonly what: string; readonly error?: string }): void {
    if (this.#isOver) return
    this.#isOver = true
    void this.#over('the server has ended')
    outside(() => this.#needs.listener.ended(end))
    void this.#closeServer()
  }

  /** Resolves when the changes of session states that its handlers have begun are made, or `closeMs` have passed. */
  #over(why: string): Promise<void> {
    this.#early = undefined
    this.#held.drop()
    callScopes().run(this.#scope, () => this.#requests.fail(why))
    for (const call of this.#calls.values()) this.#cancel(call, why)
    this.#calls.clear()
    return this.#endChanges()
  }

  async #endChanges(): Promise<void> {
    // A handler stores what it has when its call is cancelled, after the listeners of its signal have run.
    await new Promise((resolve) => setImmediate(resolve))
    if (!this.#changes.isIdle) await Promise.race([this.#changes.idle(), pause(this.#needs.clock, closeMs)])
    this.#changes.end()
  }
}

/** An error with its stack, for the log of the operator. Never throws, whatever a module has thrown. */
export function wordsOf(error: unknown): string {
  try {
    if (!(error instanceof Error)) return String(error)
    const words: unknown = error instanceof ModuleError ? error.message : (error.stack ?? error.message)
    return String(words)
  } catch {
    return `a value that cannot be shown (${typeof error})`
  }
}
