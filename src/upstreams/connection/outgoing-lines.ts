/** Lines to a worker: refuses calls if too much waits already, and counts unread responses to requests of the server. */
import { Refusal } from '../../base/refusal.ts'
import type { Call } from '../../protocol/call.ts'
import { onOneLine, type RawObject } from '../../protocol/json-text.ts'
import { errorAnswer, responseText, type RpcId } from '../../protocol/jsonrpc.ts'
import type { LineTransport } from './line-transport.ts'
import { type UnreadNeeds, UnreadResponses } from './unread-responses.ts'

export class OutgoingLines {
  readonly #transport: LineTransport
  readonly #answers: UnreadResponses

  constructor(transport: LineTransport, needs: Omit<UnreadNeeds, 'backlog'>) {
    this.#transport = transport
    this.#answers = new UnreadResponses({ ...needs, backlog: () => transport.backlog })
  }

  /** Throws `overloaded` if the worker does not read and too much waits already. */
  checkRoom(params: RawObject | undefined): void {
    if (this.#transport.roomFor(params?.text.length ?? 0) === 'reserved') return
    throw new Refusal('overloaded', { message: 'The MCP server behind this gateway takes nothing at the moment.' })
  }

  /** @param call the call that the line is the request of */
  send(line: string, call?: Call): void {
    if (!this.#transport.exited) this.#transport.send(onOneLine(line), call)
  }

  /** Sends a response to a request of the server, which may not read it. */
  answer(line: string): void {
    this.send(line)
    this.#answers.sent(line.length)
  }

  /** Answers a request of the server with an internal error (-32603). */
  refuse(id: RpcId, why: string): void {
    this.answer(responseText(id, errorAnswer(-32603, why)))
  }

  /** The worker has read everything. */
  drained(): void {
    this.#answers.drained()
  }

  /** The worker has ended. */
  close(): void {
    this.#answers.close()
  }
}
