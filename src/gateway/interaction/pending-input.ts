/**
 * Input requests that were sent to clients with sessions. Each has a unique id and is answered at most once, only by
 * the session that was asked. One that stays unanswered ends at its deadline.
 */
import type { CoarseTimers } from '../../base/coarse-timers.ts'
import { shortId } from '../../base/ids.ts'
import type { InputRequest } from '../../protocol/call.ts'
import { heldBytesOf } from '../../protocol/held-bytes.ts'
import { type Answer, errorAnswer, idKey, requestText } from '../../protocol/jsonrpc.ts'
import type { LiveSession, SentInputRequest } from '../../sessions/live-session.ts'

export interface PendingInput {
  /**
   * Registers an input request for a session. `withdraw` is called if no answer is wanted any more.
   * @returns the request to send; undefined if there is no memory for it: the server then gets an error
   */
  put(liveSession: LiveSession, inputRequest: InputRequest, withdraw: (id: string) => void): string | undefined
  /** Passes on an answer of the client; false if no request with that id is pending. */
  answer(liveSession: LiveSession, id: string, answer: Answer): boolean
}

/** Memory of an input request besides its params, in bytes. */
const inputRequestBytes = 512

/** @param answerWithinMs how long a client may take to answer, in milliseconds */
export function createPendingInput(timers: CoarseTimers, answerWithinMs: number): PendingInput {
  const epoch = shortId()
  let count = 0

  return {
    put(liveSession, inputRequest, withdraw) {
      const id = JSON.stringify(inputRequest.id ?? `ask-${epoch}-${++count}`)
      const bytes = inputRequestBytes + heldBytesOf(inputRequest.params)
      if (liveSession.memory.take(bytes) !== 'reserved') {
        inputRequest.answer(errorAnswer(-32603, 'The client has too much to answer already'), true)
        return undefined
      }
      const requests = (liveSession.inputRequests ??= new Map<string, SentInputRequest>())
      /** Whether the request was still pending; stops its deadline and releases its memory. */
      const remove = (): boolean => {
        if (!requests.delete(id)) return false
        stopWaiting()
        liveSession.memory.release(bytes)
        return true
      }
      const stopWaiting = timers.after(answerWithinMs, () => {
        if (!remove()) return
        withdraw(id)
        inputRequest.answer(errorAnswer(-32603, 'The client did not answer in time'), true)
      })
      requests.set(id, {
        method: inputRequest.method,
        settle(answer) {
          if (remove()) inputRequest.answer(answer)
        },
        abandon() {
          if (remove()) inputRequest.answer(errorAnswer(-32603, 'The client is gone'), true)
        },
      })
      inputRequest.withdrawn.onCancel(() => {
        if (remove()) withdraw(id)
      })
      return requestText(id, inputRequest.method, inputRequest.params)
    },
    answer(liveSession, id, answer) {
      const found = liveSession.inputRequests?.get(idKey(id))
      found?.settle(answer)
      return found !== undefined
    },
  }
}
