/**
 * Input requests that were sent to clients with sessions. Each has a unique id and is answered at most once, only by
 * the session that was asked. One that stays unanswered ends at its deadline.
 */
import type { CoarseTimers } from '../../base/coarse-timers.ts'
import { shortId } from '../../base/ids.ts'
import type { InputRequest } from '../../protocol/call.ts'
import { heldBytesOf } from '../../protocol/held-bytes.ts'
import { type Answer, errorAnswer, idKey, requestText } from '../../protocol/jsonrpc.ts'
import type { LiveSession } from '../../sessions/sessions.ts'

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
const askBytes = 512

interface Pending {
  readonly inputRequest: InputRequest
  /** Stops its deadline and releases its memory. */
  readonly stop: () => void
}

/** @param answerWithinMs how long a client may take to answer, in milliseconds */
export function createPendingInput(timers: CoarseTimers, answerWithinMs: number): PendingInput {
  const bySession = new WeakMap<LiveSession, Map<string, Pending>>()
  const epoch = shortId()
  let count = 0

  return {
    put(liveSession, inputRequest, withdraw) {
      const id = JSON.stringify(inputRequest.id ?? `ask-${epoch}-${++count}`)
      const bytes = askBytes + heldBytesOf(inputRequest.params)
      if (liveSession.memory.take(bytes) !== 'kept') {
        inputRequest.answer(errorAnswer(-32603, 'The client has too much to answer already'), true)
        return undefined
      }
      let pending = bySession.get(liveSession)
      if (!pending) {
        const created = new Map<string, Pending>()
        pending = created
        bySession.set(liveSession, created)
        liveSession.onEnd.push(() => {
          for (const left of created.values()) {
            left.stop()
            left.inputRequest.answer(errorAnswer(-32603, 'The client is gone'), true)
          }
          created.clear()
        })
      }
      const requests = pending
      const stopWaiting = timers.after(answerWithinMs, () => {
        if (!requests.delete(id)) return
        liveSession.memory.release(bytes)
        withdraw(id)
        inputRequest.answer(errorAnswer(-32603, 'The client did not answer in time'), true)
      })
      const stop = (): void => {
        stopWaiting()
        liveSession.memory.release(bytes)
      }
      requests.set(id, { inputRequest, stop })
      inputRequest.withdrawn.onCancel(() => {
        if (!requests.delete(id)) return
        stop()
        withdraw(id)
      })
      return requestText(id, inputRequest.method, inputRequest.params)
    },
    answer(liveSession, id, answer) {
      const requests = bySession.get(liveSession)
      const found = requests?.get(idKey(id))
      if (!found) return false
      requests?.delete(idKey(id))
      found.stop()
      found.inputRequest.answer(answer)
      return true
    },
  }
}
