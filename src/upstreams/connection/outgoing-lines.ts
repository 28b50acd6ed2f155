/** The way of lines to a process: asked for room where they may be refused, and held against those that ask without reading. */
import { Refusal } from '../../base/refusal.ts'
import { onOneLine, type RawObject } from '../../protocol/json-text.ts'
import { errorAnswer, responseText, type RpcId } from '../../protocol/jsonrpc.ts'
import type { Child } from '../stdio/child.ts'
import { type UnreadNeeds, UnreadResponses } from './unread-responses.ts'

export class OutgoingLines {
  readonly #child: Child
  readonly #answers: UnreadResponses

  constructor(child: Child, needs: Omit<UnreadNeeds, 'backlog'>) {
    this.#child = child
    this.#answers = new UnreadResponses({ ...needs, backlog: () => child.backlog })
  }

  /** Throws `overloaded` if the process does not read, and too much waits for it already. */
  checkRoom(params: RawObject | undefined): void {
    if (this.#child.roomFor(params?.text.length ?? 0) === 'kept') return
    throw new Refusal('overloaded', { message: 'The MCP server behind this gateway takes nothing at the moment.' })
  }

  send(line: string): void {
    if (!this.#child.exited) this.#child.send(onOneLine(line))
  }

  /** Sends what the server has asked for: it may ask without reading. */
  answer(line: string): void {
    this.send(line)
    this.#answers.sent(line.length)
  }

  /** Tells the server that a request of its own is not served. */
  refuse(id: RpcId, why: string): void {
    this.answer(responseText(id, errorAnswer(-32603, why)))
  }

  /** The process has read everything. */
  drained(): void {
    this.#answers.drained()
  }

  /** The process is gone. */
  close(): void {
    this.#answers.close()
  }
}
