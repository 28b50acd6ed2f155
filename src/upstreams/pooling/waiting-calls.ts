/**
 * Calls that wait for the worker of their session. Input requests that the worker sends at its start belong to no call on
 * the wire, but the worker is started for these calls, so one of them may carry the input requests if the client reads
 * no other stream. [2025-11-25 transports, sending messages: requests on the stream of a POST relate to its request]
 */
import { Wakeup } from '../../base/wakeup.ts'
import type { InputRequest, Update } from '../../protocol/call.ts'
import { errorAnswer } from '../../protocol/jsonrpc.ts'
import { type CallWait, untilGiven } from '../wait-notices.ts'

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
   * Waits for what a call needs, and yields meanwhile the input requests for its client, and how far the call is. A worker
   * has a bounded number of open input requests, so the list is short. Throws what `untilGiven` throws.
   */
  async *until<Given>(wait: CallWait<Given>): AsyncGenerator<Update, Given, void> {
    const inputRequests: InputRequest[] = []
    const wakeup = new Wakeup()
    const give = (inputRequest: InputRequest): void => {
      inputRequests.push(inputRequest)
      wakeup.notify()
    }
    this.#calls.add(give)
    try {
      const { given } = yield* untilGiven({ ...wait, others: () => inputRequests.shift() }, wakeup)
      return given
    } finally {
      this.#calls.delete(give)
      for (const request of inputRequests) request.answer(errorAnswer(-32603, 'The call is over'))
    }
  }
}
