/**
 * Calls that wait for the process of their session. What that process asks at its start belongs to no call on the wire,
 * but it is asked for the sake of these, so it may go to the client with one of them where the client reads no other
 * stream. [2025-11-25 transports, sending messages: requests on the stream of a POST relate to its request]
 */
import type { InputRequest } from '../../protocol/call.ts'
import { errorAnswer } from '../../protocol/jsonrpc.ts'

export class WaitingCalls {
  /** In the order in which they came. */
  readonly #calls = new Set<(inputRequest: InputRequest) => void>()

  /** Puts a question to the client with the call that has waited longest; false if none waits. */
  take(inputRequest: InputRequest): boolean {
    for (const give of this.#calls) {
      give(inputRequest)
      return true
    }
    return false
  }

  /**
   * Waits for what a call needs, and yields what its client is asked meanwhile. A process has few questions open at
   * once, so few wait here.
   * @param leave told of what came when the call had ended already, and no one will use
   */
  async *until<Needed>(
    needed: Promise<Needed>,
    leave: (needed: Needed) => void,
  ): AsyncGenerator<InputRequest, Needed, void> {
    const asks: InputRequest[] = []
    let isSettled = false
    let isTaken = false
    let wake: (() => void) | undefined
    const give = (inputRequest: InputRequest): void => {
      asks.push(inputRequest)
      wake?.()
    }
    const settled = (): void => {
      isSettled = true
      wake?.()
    }
    needed.then(settled, settled)
    this.#calls.add(give)
    try {
      while (!isSettled) {
        const inputRequest = asks.shift()
        if (inputRequest) yield inputRequest
        else await new Promise<void>((resolve) => (wake = resolve))
      }
      isTaken = true
      return await needed
    } finally {
      this.#calls.delete(give)
      for (const request of asks) request.answer(errorAnswer(-32603, 'The call is over'))
      if (!isTaken) needed.then(leave, () => undefined)
    }
  }
}
