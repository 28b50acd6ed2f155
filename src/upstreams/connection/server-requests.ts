/**
 * Questions of a session-based server to its client: which are open, whom they may be put to, and that each gets
 * exactly one answer. Nothing is ever guessed: a question that cannot be attributed is refused.
 * [2025-11-25 client features; sampling, elicitation, roots]
 */
import { Cancel } from '../../base/cancel.ts'
import type { MemoryAccount } from '../../base/memory-budget.ts'
import { type InputRequest, metaOf } from '../../protocol/call.ts'
import { isObject, type JsonObject, memberText } from '../../protocol/json-text.ts'
import { errorAnswer, idKey, type RequestMessage, responseText } from '../../protocol/jsonrpc.ts'
import type { PendingCall } from './pending-call.ts'

const maxOpen = 64

/** The capability that a client must have declared to be asked. */
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
   * Takes a question of the server: puts it to whom it belongs, or answers it with an error.
   * @param bytes what it takes, if that is much
   */
  put(message: RequestMessage, bytes: number): void
  /** The server no longer wants an answer. */
  withdraw(requestId: string): void
  /** The connection is over: nobody waits for answers any more. */
  drop(): void
  /** Resolves when all that is asked now was answered or withdrawn, or the connection is over. */
  answered(): Promise<void>
  /** Whether the server has ever asked anything. */
  readonly any: boolean
}

export interface ServerRequestsNeeds {
  send(line: string): void
  /** Milliseconds of the clock. */
  now(): number
  /** What the server was told that its client can do. */
  announced: JsonObject
  /** The call that the question belongs to, `unit` if it goes to the unit's listener, or nobody. */
  attribute(): PendingCall | 'group' | undefined
  toUnit(inputRequest: InputRequest): boolean
  /** A server asked, and it cannot be told whom. @param isOffered whether it was told that its client can be asked this */
  unattributed(method: string, isOffered: boolean): void
  /** Counts questions that are large. */
  memory(): MemoryAccount
}

interface Open {
  readonly inputRequest: InputRequest
  /** The call that it belongs to; undefined if it went to the unit. */
  readonly pending: PendingCall | undefined
  /** What is counted for it. */
  readonly bytes: number
  /** Called when it is no longer open. */
  readonly over: Array<() => void>
}

export function createServerRequests(needs: ServerRequestsNeeds): ServerRequests {
  const open = new Map<string, Open>()
  let any = false

  /** Forgets a question that is open; false if it is not (any more). */
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
    put(message, bytes) {
      any = true
      const refuse = (code: number, text: string): void => needs.send(responseText(message.id, errorAnswer(code, text)))
      const capability = Object.hasOwn(neededFor, message.method) ? neededFor[message.method] : undefined
      const key = idKey(message.id)
      const target = capability === undefined ? undefined : needs.attribute()
      const isOffered = capability !== undefined && isObject(needs.announced[capability])
      if (capability !== undefined && target === undefined) needs.unattributed(message.method, isOffered)
      if (target === undefined || !isOffered) {
        return refuse(-32601, 'The client does not offer this method')
      }
      if (open.size >= maxOpen || open.has(key)) return refuse(-32603, 'Too many questions to the client')
      if (needs.memory().take(bytes) !== 'kept') return refuse(-32603, 'Too much is asked of the client at once')
      const pending = target === 'group' ? undefined : target
      const inputRequest: InputRequest = {
        kind: 'ask',
        method: message.method,
        params: message.params,
        answer(answer) {
          if (close(key)) needs.send(responseText(message.id, answer))
        },
        ...patience(message, needs),
        withdrawn: new Cancel(),
      }
      open.set(key, { inputRequest, pending, bytes, over: [] })
      pending?.asked(needs.now())
      const taken = pending ? pending.offer(inputRequest) : needs.toUnit(inputRequest)
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

/** How a server that asked for progress of its question hears that an answer may still come: its deadline moves on. */
function patience({ params }: RequestMessage, needs: ServerRequestsNeeds): Pick<InputRequest, 'stillAsking'> {
  const meta = metaOf(params)
  const token = params && meta?.['progressToken'] !== undefined ? memberText(params.text, '_meta') : undefined
  const progressToken = token === undefined ? undefined : memberText(token, 'progressToken')
  if (progressToken === undefined) return {}
  let progress = 0
  return {
    stillAsking: () =>
      needs.send(
        `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${progressToken},"progress":${++progress}}}`,
      ),
  }
}
