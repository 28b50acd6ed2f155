/** The next turn of a call that has begun, as a promise. */
import type { Cancel } from '../../base/cancel.ts'
import { Refusal } from '../../base/refusal.ts'
import type { CallTurn } from './call-turn.ts'

/**
 * Waits for the turn. Rejects with `cancelled`.
 * @param resume see `CallLine.resume`
 */
export function nextTurn(resume: (give: (turn: CallTurn) => void) => () => void, cancel: Cancel): Promise<CallTurn> {
  return new Promise((resolve, reject) => {
    let endWait = (): void => {}
    let isGiven = false
    const stopListening = cancel.onCancel(() => {
      endWait()
      reject(new Refusal('cancelled'))
    })
    if (cancel.cancelled) return
    endWait = resume((turn) => {
      isGiven = true
      stopListening()
      resolve(turn)
    })
    if (isGiven) endWait()
  })
}
