/**
 * Questions of servers that are with a client: each under an id of ours, answered at most once, and only by the
 * session that was asked. A question that nobody answers ends by its deadline.
 */
import type { CoarseTimers } from '../../base/coarse-timers.ts'
import { shortId } from '../../base/ids.ts'
import type { InputRequest } from '../../protocol/call.ts'
import { heldBytesOf } from '../../protocol/held-bytes.ts'
import { type Answer, errorAnswer, idKey, requestText } from '../../protocol/jsonrpc.ts'
import type { LiveSession } from '../../sessions/sessions.ts'

export interface PendingInput {
  /**
   * Puts a question to a session: the text of the request to send. `withdraw` is told if no answer is wanted any more.
   * Undefined if there is no memory for it: the server is told.
   */
  put(liveSession: LiveSession, inputRequest: InputRequest, withdraw: (id: string) => void): string | undefined
  /** An answer of a client; false if nothing was asked under that id. */
  answer(liveSession: LiveSession, id: string, answer: Answer): boolean
}

/** What a question takes besides what it says, in bytes. */
const askBytes = 512

interface Open {
  readonly inputRequest: InputRequest
  /** Stops its deadline, and gives back its memory. */
  readonly stop: () => void
}

/** @param answerWithinMs people need time, but nobody waits for ever */
export function createPendingInput(timers: CoarseTimers, answerWithinMs: number): PendingInput {
  const open = new WeakMap<LiveSession, Map<string, Open>>()
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
      let asks = open.get(liveSession)
      if (!asks) {
        const created = new Map<string, Open>()
        asks = created
        open.set(liveSession, created)
        liveSession.onEnd.push(() => {
          for (const left of created.values()) {
            left.stop()
            left.inputRequest.answer(errorAnswer(-32603, 'The client is gone'), true)
          }
          created.clear()
        })
      }
      const mine = asks
      const stopWaiting = timers.after(answerWithinMs, () => {
        if (!mine.delete(id)) return
        liveSession.memory.release(bytes)
        withdraw(id)
        inputRequest.answer(errorAnswer(-32603, 'The client did not answer in time'), true)
      })
      const stop = (): void => {
        stopWaiting()
        liveSession.memory.release(bytes)
      }
      mine.set(id, { inputRequest, stop })
      inputRequest.withdrawn.onCancel(() => {
        if (!mine.delete(id)) return
        stop()
        withdraw(id)
      })
      return requestText(id, inputRequest.method, inputRequest.params)
    },
    answer(liveSession, id, answer) {
      const asks = open.get(liveSession)
      const found = asks?.get(idKey(id))
      if (!found) return false
      asks?.delete(idKey(id))
      found.stop()
      found.inputRequest.answer(answer)
      return true
    },
  }
}
