/**
 * Calls that wait for the worker of their session. Input requests that the worker sends at its start belong to no call on
 * the wire, but the worker is started for these calls, so one of them may carry the input requests if the client reads
 * no other stream. [2025-11-25 transports, sending messages: requests on the stream of a POST relate to its request]
 */
import { Wakeup } from '../../base/wakeup.ts'
import type { InputRequest } from '../../protocol/call.ts'
import { errorAnswer } from '../../protocol/jsonrpc.ts'

export class WaitingCalls {
  /** In the order of arrival. */
  readonly #calls = new Set<(inputRequest: InputRequest) => void>()

  /** Sends an input request to the client with the call that has waited longest; false if no call waits. */
  take(inputRequest: InputRequest): boolean {
    for (const give of this.#calls) {
      give(inputRequest)
      return true
    }
    return false
  }

  /**
   * Waits for what a call needs, and yields the input requests of its client meanwhile. A worker has a bounded number
   * of open input requests, so the list is short.
   * @param leave called with what was needed if the call has ended before it came
   */
  async *until<Needed>(
    needed: Promise<Needed>,
    leave: (needed: Needed) => void,
  ): AsyncGenerator<InputRequest, Needed, void> {
    const inputRequests: InputRequest[] = []
    let isSettled = false
    let isTaken = false
    const wakeup = new Wakeup()
    const give = (inputRequest: InputRequest): void => {
      inputRequests.push(inputRequest)
      wakeup.notify()
    }
    const settled = (): void => {
      isSettled = true
      wakeup.notify()
    }
    needed.then(settled, settled)
    this.#calls.add(give)
    try {
      while (!isSettled) {
        const inputRequest = inputRequests.shift()
        if (inputRequest) yield inputRequest
        else await wakeup.next()
      }
      isTaken = true
      return await needed
    } finally {
      this.#calls.delete(give)
      for (const request of inputRequests) request.answer(errorAnswer(-32603, 'The call is over'))
      if (!isTaken) needed.then(leave, () => undefined)
    }
  }
}
