/** A call waits for its turn, and its client is told how far it is. */
import { Cancel } from '../../base/cancel.ts'
import type { Clock } from '../../base/clock.ts'
import type { Call, Update } from '../../protocol/call.ts'
import { untilGiven } from '../wait-notices.ts'
import type { CallTurn, TurnWait } from './call-turn.ts'

/** A turn, and how often the client was told that it waits. */
export interface AwaitedTurn {
  readonly turn: CallTurn
  readonly waitNotices: number
}

/**
 * Waits for the turn of a call. Throws what `untilGiven` throws.
 * @param begin begins the wait, which the cancel ends
 */
export async function* waitForTurn(
  call: Call,
  begin: (cancel: Cancel) => TurnWait,
  clock: Clock,
): AsyncGenerator<Update, AwaitedTurn, void> {
  const ended = new Cancel()
  const stopListening = call.cancel.onCancel(() => ended.cancel('the call is cancelled'))
  const { turn, place } = begin(ended)
  try {
    const giveBack = (late: CallTurn): void => late.end(false)
    const { given, waitNotices } = yield* untilGiven({ call, given: turn, place, giveBack, clock })
    return { turn: given, waitNotices }
  } finally {
    stopListening()
    ended.cancel('nothing waits for the call any more')
  }
}
