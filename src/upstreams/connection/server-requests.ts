/**
 * Input requests of a session-based server: which are open, which client gets each, and that each is answered exactly
 * once. Nothing is guessed: an input request that cannot be attributed to a client is refused.
 * [2025-11-25 client features; sampling, elicitation, roots]
 */
import { Cancel } from '../../base/cancel.ts'
import type { MemoryAccount } from '../../base/memory-budget.ts'
import { type InputRequest, metaOf } from '../../protocol/call.ts'
import { isObject, type JsonObject, memberText } from '../../protocol/json-text.ts'
import { errorAnswer, idKey, type RequestMessage, responseText } from '../../protocol/jsonrpc.ts'
import type { PendingCall } from './pending-call.ts'

/** The most that wait for answers: at a worker, or at a call where each names its call. */
const maxOpen = 64

/** The client capability that each method needs. */
const neededFor: Readonly<Record<string, string>> = {
  'sampling/createMessage': 'sampling',
  'roots/list': 'roots',
  'elicitation/create': 'elicitation',
  'tasks/get': 'tasks',
  'tasks/result': 'tasks',
  'tasks/list': 'tasks',
  'tasks/cancel': 'tasks',
}

export interface ServerRequests {
  /**
   * Takes an input request of the server: forwards it to its client, or answers it with an error.
   * @param bytes the memory that a large one takes; 0 for small ones
   * @param callId the call that it is for, where the transport knows it: then its client is asked, although others may share
   * the worker
   */
  handle(message: RequestMessage, bytes: number, callId: number | undefined): void
  /** The server has cancelled the request. */
  withdraw(requestId: string): void
  /** The connection is over: no more answers are wanted. */
  drop(): void
  /** Resolves when all requests that are open now are answered or withdrawn, or the connection is over. */
  answered(): Promise<void>
  /** Whether there has ever been one. */
  readonly any: boolean
}

export interface ServerRequestsNeeds {
  send(line: string): void
  /** Milliseconds of the clock. */
  now(): number
  /** The client capabilities that were announced to the server. */
  announced: JsonObject
  /** The call that the input request belongs to, `group` for the subscriber of the session, undefined for no client. */
  attribute(): PendingCall | 'group' | undefined
  /** The call in flight with this id on the wire. */
  pendingCall(id: number): PendingCall | undefined
  toGroup(inputRequest: InputRequest): boolean
  /** An input request could not be attributed. @param isOffered whether the capability was announced to the server */
  unattributed(method: string, isOffered: boolean): void
  /** Counts large input requests. */
  memory(): MemoryAccount
}

interface Open {
  readonly inputRequest: InputRequest
  /** The call that it belongs to; undefined if it went to the subscriber of the session. */
  readonly pending: PendingCall | undefined
  /** The memory counted for it. */
  readonly bytes: number
  /** Called when it closes. */
  readonly over: Array<() => void>
}

export function createServerRequests(needs: ServerRequestsNeeds): ServerRequests {
  const open = new Map<string, Open>()
  let any = false

  /** Closes an open request; undefined if it is not open. */
  const close = (key: string): Open | undefined => {
    const entry = open.get(key)
    if (entry && open.delete(key)) {
      entry.pending?.answered(needs.now())
      needs.memory().release(entry.bytes)
      for (const over of entry.over) over()
    }
    return entry
  }

  return {
    get any() {
      return any
    },
    handle(message, bytes, callId) {
      any = true
      const refuse = (code: number, text: string): void => needs.send(responseText(message.id, errorAnswer(code, text)))
      const capability = Object.hasOwn(neededFor, message.method) ? neededFor[message.method] : undefined
      const key = idKey(message.id)
      const named = callId === undefined ? undefined : needs.pendingCall(callId)
      const target = capability === undefined ? undefined : (named ?? needs.attribute())
      // Where several clients share the worker, it was told of no capabilities.
      const offered = named?.call.client.capabilities ?? needs.announced
      const isOffered = capability !== undefined && isObject(offered[capability])
      if (capability !== undefined && target === undefined) {
        needs.unattributed(message.method, isOffered)
        return refuse(-32601, 'It cannot be told which client is meant')
      }
      if (target === undefined || !isOffered) return refuse(-32601, 'The client does not offer this method')
      // Where each names its call, the calls of others take nothing away from it.
      const size = named ? named.openInputRequests : open.size
      if (size >= maxOpen || open.has(key)) return refuse(-32603, 'Too many questions to the client')
      if (needs.memory().take(bytes) !== 'reserved') return refuse(-32603, 'Too much is asked of the client at once')
      const pending = target === 'group' ? undefined : target
      const inputRequest: InputRequest = {
        kind: 'input_request',
        method: message.method,
        params: message.params,
        answer(answer) {
          if (close(key)) needs.send(responseText(message.id, answer))
        },
        ...progressFor(message, needs),
        withdrawn: new Cancel(),
      }
      open.set(key, { inputRequest, pending, bytes, over: [] })
      pending?.asked(needs.now())
      const taken = pending ? pending.offer(inputRequest) : needs.toGroup(inputRequest)
      if (!taken) inputRequest.answer(errorAnswer(-32603, 'The client cannot be asked at the moment'))
    },
    async answered() {
      await Promise.all([...open.values()].map(({ over }) => new Promise<void>((resolve) => over.push(resolve))))
    },
    withdraw(requestId) {
      close(idKey(requestId))?.inputRequest.withdrawn.cancel('withdrawn by the server')
    },
    drop() {
      for (const { inputRequest, over } of open.values()) {
        inputRequest.withdrawn.cancel('the server is gone')
        for (const end of over) end()
      }
      open.clear()
    },
  }
}

/** For a server that asked for progress of its request: sends progress, so that its own time-out is extended. */
function progressFor({ params }: RequestMessage, needs: ServerRequestsNeeds): Pick<InputRequest, 'reportProgress'> {
  const meta = metaOf(params)
  const token = params && meta?.['progressToken'] !== undefined ? memberText(params.text, '_meta') : undefined
  const progressToken = token === undefined ? undefined : memberText(token, 'progressToken')
  if (progressToken === undefined) return {}
  let progress = 0
  return {
    reportProgress: () =>
      needs.send(
        `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${progressToken},"progress":${++progress}}}`,
      ),
  }
}
