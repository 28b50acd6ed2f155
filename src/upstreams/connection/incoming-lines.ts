/**
 * Reads the lines of a worker as messages. The memory for the value of a long line is estimated before it is parsed,
 * since a value with many members takes more than its text. A line for which there is no memory still ends the call that
 * it answers, and is answered if it is a request.
 */
import type { LostLine } from '../../base/lines.ts'
import type { Reservation, MemoryAccount } from '../../base/memory-budget.ts'
import { terminalSafe } from '../../base/terminal-safe.ts'
import { Refusal } from '../../base/refusal.ts'
import { elementTexts } from '../../protocol/json-text.ts'
import { jsonWeight } from '../../protocol/json-weight.ts'
import type { Message } from '../../protocol/jsonrpc.ts'
import { idAtEdges, isAnswerAtEdges, requestIdAtEdges } from '../../protocol/lost-answer.ts'
import { type BadMessage, readServerMessage } from '../../protocol/server-message.ts'

/** For longer lines memory is estimated and counted. In characters. */
const largeChars = 64 * 1024
const edgeChars = 256

export interface IncomingLinesNeeds {
  /** Counts a long line while it is read. */
  readonly memory: () => MemoryAccount
  /** @param bytes the memory that a large message takes; 0 for small ones */
  readonly message: (message: Message | BadMessage, bytes: number, callId: number | undefined) => void
  /** A line that is no JSON. */
  readonly noMessage: (text: string) => void
  /** The response with this id was too large; undefined if the id could not be read. */
  readonly lostAnswer: (id: number | undefined, refusal: Refusal) => void
  /** A request of the server was too large: it must be answered, or the server waits for ever. @param id as JSON */
  readonly lostRequest: (id: string) => void
}

/** How much is kept of all lines that are no messages, and of one such line. In characters. */
const keptWords = 4096
const keptOfLine = 2048

export class IncomingLines {
  readonly #needs: IncomingLinesNeeds
  #words = ''
  /** Whether the worker has answered a request: it has started, and lines that are no messages no longer matter. */
  #hasAnswered = false

  constructor(needs: IncomingLinesNeeds) {
    this.#needs = needs
  }

  /** The last lines before the first response that are no messages: for the operator, safe to show in a terminal. */
  get words(): string {
    return terminalSafe(this.#words).trim()
  }

  /** @param callId see `LineListener` */
  line(text: string, callId?: number): void {
    if (text.length <= largeChars) return this.#read(text, 0, callId)
    const bytes = jsonWeight(text)
    const memory = this.#needs.memory()
    const reservation = memory.take(bytes)
    if (reservation !== 'reserved') return this.#lost(text.slice(0, edgeChars), text.slice(-edgeChars), reservation)
    try {
      this.#read(text, bytes, callId)
    } finally {
      memory.release(bytes)
    }
  }

  dropped({ head, tail, why }: LostLine): void {
    if (why === 'unended') this.#keep(Buffer.from(head, 'latin1').toString())
    else this.#lost(head, tail, why)
  }

  #read(text: string, bytes: number, callId: number | undefined): void {
    const { message, noMessage } = this.#needs
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      this.#keep(text)
      return noMessage(text)
    }
    if (!Array.isArray(value)) {
      const read = readServerMessage(text, value)
      if (read.kind === 'response') this.#answered(read)
      else if (read.kind !== 'request' && read.kind !== 'notification') this.#keep(text)
      return message(read, bytes, callId)
    }
    for (const element of elementTexts(text)) {
      const weight = element.length > largeChars ? jsonWeight(element) : 0
      message(readServerMessage(element, JSON.parse(element)), weight, undefined)
    }
  }

  #keep(text: string): void {
    if (this.#hasAnswered) return
    this.#words = `${this.#words}${text.slice(0, keptOfLine)}\n`.slice(-keptWords)
  }

  #answered({ answer }: Message & { kind: 'response' }): void {
    if (this.#hasAnswered || answer.kind === 'error') return
    this.#hasAnswered = true
    this.#words = ''
  }

  #lost(head: string, tail: string, why: 'too_long' | Exclude<Reservation, 'reserved'>): void {
    const request = requestIdAtEdges(head, tail)
    if (request !== undefined) return this.#needs.lostRequest(request)
    const id = idAtEdges(head, tail)
    if (id === undefined && !isAnswerAtEdges(head)) return
    this.#needs.lostAnswer(id, why === 'budget' ? noMemory() : new Refusal('result_too_large'))
  }
}

function noMemory(): Refusal {
  const message = 'The server has no memory to spare for the result. The call may have run.'
  return new Refusal('overloaded', { message, data: { executed: 'unknown' } })
}
