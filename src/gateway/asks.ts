/**
 * Questions of servers that are with a client: each under an id of ours, answered at most once, and only by the
 * session that was asked. A question that nobody answers ends by its deadline.
 */
import type { Pulse } from '../base/pulse.ts'
import { shortId } from '../base/ids.ts'
import type { Ask } from '../protocol/call.ts'
import { type Answer, errorAnswer, idKey, requestText } from '../protocol/jsonrpc.ts'
import type { SessionSeat } from '../sessions/sessions.ts'

export interface Asks {
  /** Puts a question to a session: the text of the request to send. `withdraw` is told if no answer is wanted any more. */
  put(seat: SessionSeat, ask: Ask, withdraw: (id: string) => void): string
  /** An answer of a client; false if nothing was asked under that id. */
  answer(seat: SessionSeat, id: string, answer: Answer): boolean
}

interface Open {
  readonly ask: Ask
  /** Stops its deadline. */
  readonly stop: () => void
}

/** @param answerWithinMs people need time, but nobody waits for ever */
export function createAsks(pulse: Pulse, answerWithinMs: number): Asks {
  const open = new WeakMap<SessionSeat, Map<string, Open>>()
  const epoch = shortId()
  let count = 0

  return {
    put(seat, ask, withdraw) {
      const id = JSON.stringify(ask.id ?? `ask-${epoch}-${++count}`)
      let asks = open.get(seat)
      if (!asks) {
        const created = new Map<string, Open>()
        asks = created
        open.set(seat, created)
        seat.atEnd.push(() => {
          for (const left of created.values()) {
            left.stop()
            left.ask.answer(errorAnswer(-32603, 'The client is gone'), true)
          }
          created.clear()
        })
      }
      const mine = asks
      const stop = pulse.after(answerWithinMs, () => {
        if (!mine.delete(id)) return
        withdraw(id)
        ask.answer(errorAnswer(-32603, 'The client did not answer'), true)
      })
      mine.set(id, { ask, stop })
      ask.withdrawn.onCancel(() => {
        stop()
        if (mine.delete(id)) withdraw(id)
      })
      return requestText(id, ask.method, ask.params)
    },
    answer(seat, id, answer) {
      const asks = open.get(seat)
      const found = asks?.get(idKey(id))
      if (!found) return false
      asks?.delete(idKey(id))
      found.stop()
      found.ask.answer(answer)
      return true
    },
  }
}
