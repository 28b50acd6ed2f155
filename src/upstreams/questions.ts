/**
 * Questions of a session-based server to its client: which are open, whom they may be put to, and that each gets
 * exactly one answer. Nothing is ever guessed: a question that cannot be attributed is refused.
 * [2025-11-25 client features; sampling, elicitation, roots]
 */
import { Cancel } from '../base/cancel.ts'
import type { Ask } from '../protocol/call.ts'
import { isObject, type JsonObject, type RawObject } from '../protocol/json-text.ts'
import { type Answer, errorAnswer, idKey, type RequestMessage, responseText } from '../protocol/jsonrpc.ts'
import type { Exchange } from './exchange.ts'

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

export interface Questions {
  /** Takes a question of the server: puts it to whom it belongs, or answers it with an error. */
  put(message: RequestMessage): void
  /** The server no longer wants an answer. */
  withdraw(requestId: string): void
  /** The connection is over: nobody waits for answers any more. */
  drop(): void
}

export interface QuestionNeeds {
  send(line: string): void
  /** What the server was told that its client can do. */
  announced: JsonObject
  /** The call that the question belongs to, `unit` if it goes to the unit's listener, or nobody. */
  attribute(): Exchange | 'unit' | undefined
  toUnit(ask: Ask): boolean
  /** A server asked although it cannot be told whom. */
  unattributed(method: string): void
}

export function createQuestions(needs: QuestionNeeds): Questions {
  const open = new Map<string, Cancel>()

  return {
    put(message) {
      const refuse = (code: number, text: string): void => needs.send(responseText(message.id, errorAnswer(code, text)))
      const capability = Object.hasOwn(neededFor, message.method) ? neededFor[message.method] : undefined
      const key = idKey(message.id)
      const target = capability === undefined ? undefined : needs.attribute()
      if (capability !== undefined && target === undefined) needs.unattributed(message.method)
      if (target === undefined || !capability || !isObject(needs.announced[capability])) {
        return refuse(-32601, 'The client does not offer this method')
      }
      if (open.size >= maxOpen || open.has(key)) return refuse(-32603, 'Too many questions to the client')
      const exchange = target === 'unit' ? undefined : target
      const ask = createAsk(message.method, message.params, (answer) => {
        if (!open.delete(key)) return
        if (exchange) exchange.openAsks--
        needs.send(responseText(message.id, answer))
      })
      open.set(key, ask.withdrawn)
      if (exchange) exchange.openAsks++
      const taken = exchange ? exchange.offer(ask) : needs.toUnit(ask)
      if (!taken) ask.answer(errorAnswer(-32603, 'The client cannot be asked at the moment'))
    },
    withdraw(requestId) {
      const key = idKey(requestId)
      const withdrawn = open.get(key)
      open.delete(key)
      withdrawn?.cancel('withdrawn by the server')
    },
    drop() {
      for (const withdrawn of open.values()) withdrawn.cancel('the server is gone')
      open.clear()
    },
  }
}

function createAsk(method: string, params: RawObject | undefined, answer: (answer: Answer) => void): Ask {
  return { kind: 'ask', method, params, answer, withdrawn: new Cancel() }
}
