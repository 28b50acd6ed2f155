/** A call as its handler sees it, through `useCall`. What most handlers never use is made when it is first asked for. */
import { setMaxListeners } from 'node:events'
import type { JsonObject, JsonValue } from '../../base/json.ts'
import type { ToolCall, ToolClient, ToolSession } from '../../use-call/tool-call.ts'
import { elicitResult, isRoot } from './client-answers.ts'
import type { ClientRequests } from './client-requests.ts'
import type { ObjectChanges } from './object-changes.ts'
import type { CallerFacts, ToolSessions } from './object-host.ts'
import { StoredSession } from './stored-session.ts'

export interface HandledCallNeeds {
  /** The id of its request. */
  readonly id: JsonValue | undefined
  readonly facts: CallerFacts
  readonly sessions: ToolSessions
  readonly changes: ObjectChanges
  readonly requests: ClientRequests
  /** The progress token of the request, if the client wants progress. */
  readonly progressToken: JsonValue | undefined
  readonly notify: (notification: JsonObject) => void
}

/** Its methods are getters of functions, so that a handler may take them out: `const { elicit } = useCall()`. */
export class HandledCall implements ToolCall {
  readonly #needs: HandledCallNeeds
  #abort: AbortController | undefined
  #session: ToolSession | undefined
  /** Why it was cancelled. */
  #cancelled: string | undefined
  #isOver = false
  /** What the client is being asked. */
  #asked: Set<{ readonly answer: Promise<unknown>; withdraw(why: Error): void }> | undefined

  constructor(needs: HandledCallNeeds) {
    this.#needs = needs
  }

  get tenant(): string {
    return this.#needs.facts.tenant
  }
  get issuer(): string | undefined {
    return this.#needs.facts.issuer
  }
  get subject(): string {
    return this.#needs.facts.subject
  }

  get session(): ToolSession | undefined {
    const { facts, sessions, changes } = this.#needs
    if (facts.session === undefined) return undefined
    return (this.#session ??= new StoredSession(facts.session, facts, sessions, changes))
  }

  get client(): ToolClient {
    const { info, revision, capabilities } = this.#needs.facts
    return { name: textOf(info?.['name']), version: textOf(info?.['version']), revision, capabilities }
  }

  get signal(): AbortSignal {
    this.#abort ??= newAbort()
    if (this.#cancelled !== undefined) this.#abort.abort(cancelError(this.#cancelled))
    return this.#abort.signal
  }

  get progress(): ToolCall['progress'] {
    return (progress, total, message) => {
      const { progressToken, notify } = this.#needs
      if (progressToken === undefined || this.#isOver) return
      const params = { progressToken, progress, total, message }
      notify({ jsonrpc: '2.0', method: 'notifications/progress', params })
    }
  }

  get elicit(): ToolCall['elicit'] {
    return (params) => this.#request('elicitation/create', { mode: 'form', ...params }, elicitResult)
  }

  get sample(): ToolCall['sample'] {
    return (params) => this.#request('sampling/createMessage', params, (result) => result)
  }

  get listRoots(): ToolCall['listRoots'] {
    return () => this.#request('roots/list', {}, ({ roots }) => (Array.isArray(roots) ? roots.filter(isRoot) : []))
  }

  /** The call is cancelled, or its server has ended. */
  cancel(reason: unknown): void {
    this.#isOver = true
    this.#cancelled ??= typeof reason === 'string' ? reason : 'the call was cancelled'
    const error = cancelError(this.#cancelled)
    // Not as listeners of the signal: Node warns its user of more than ten.
    this.#withdraw(error)
    this.#abort?.abort(error)
  }

  /** The call was answered: what it still asks its client is withdrawn. */
  end(): void {
    this.#isOver = true
    // An error costs several microseconds: that of its stack.
    if (this.#asked !== undefined && this.#asked.size > 0)
      this.#withdraw(new Error('the call was answered before its client had answered'))
  }

  #withdraw(why: Error): void {
    for (const { answer, withdraw } of this.#asked ?? []) {
      // The handler that has asked may be over, and wait for nothing: that is no fault of its server.
      answer.catch(() => {})
      withdraw(why)
    }
  }

  #request<Answer>(
    method: string,
    params: Readonly<Record<string, unknown>>,
    read: (result: JsonObject) => Answer,
  ): Promise<Answer> {
    if (this.#cancelled !== undefined) return Promise.reject(cancelError(this.#cancelled))
    if (this.#isOver)
      return Promise.reject(
        new Error(`${method}: the call was answered already, so its client cannot be asked any more`),
      )
    const { result, withdraw } = this.#needs.requests.request(method, params as JsonObject, this.#needs.id)
    const asked = (this.#asked ??= new Set())
    const over = (): void => void asked.delete(open)
    const answer = result.finally(over).then(read)
    const open = { answer, withdraw }
    asked.add(open)
    return answer
  }
}

/** A handler may wait for a hundred things at once, and each of them listens to the signal. */
function newAbort(): AbortController {
  const abort = new AbortController()
  setMaxListeners(0, abort.signal)
  return abort
}

function cancelError(reason: string): Error {
  return Object.assign(new Error(reason), { name: 'AbortError' })
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
