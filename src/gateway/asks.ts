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
  /** Puts a question to a session: the text of the request to send. `withdraw` is told if the server takes it back. */
  put(seat: SessionSeat, ask: Ask, withdraw: (id: string) => void): string
  /** An answer of a client; false if nothing was asked under that id. */
  answer(seat: SessionSeat, id: string, answer: Answer): boolean
}

/** People need time, but nobody waits for ever. */
const deadlineMs = 10 * 60_000

export function createAsks(pulse: Pulse): Asks {
  const open = new WeakMap<SessionSeat, Map<string, Ask>>()
  const epoch = shortId()
  let count = 0

  return {
    put(seat, ask, withdraw) {
      const id = JSON.stringify(`ask-${epoch}-${++count}`)
      let asks = open.get(seat)
      if (!asks) {
        const created = new Map<string, Ask>()
        asks = created
        open.set(seat, created)
        seat.atEnd.push(() => {
          for (const left of created.values()) left.answer(errorAnswer(-32603, 'The client is gone'))
        })
      }
      const mine = asks
      mine.set(id, ask)
      const stop = pulse.after(deadlineMs, () => {
        if (mine.delete(id)) ask.answer(errorAnswer(-32603, 'The client did not answer'))
      })
      ask.withdrawn.onCancel(() => {
        stop()
        if (mine.delete(id)) withdraw(id)
      })
      return requestText(id, ask.method, ask.params)
    },
    answer(seat, id, answer) {
      const asks = open.get(seat)
      const ask = asks?.get(idKey(id))
      if (!ask) return false
      asks?.delete(idKey(id))
      ask.answer(answer)
      return true
    },
  }
}
