/** A call waits for its turn, and its client is told now and then how far it is, if it streams. */
import { Cancel } from '../../base/cancel.ts'
import type { Clock } from '../../base/clock.ts'
import { Wakeup } from '../../base/wakeup.ts'
import { type Call, forget, type Notification, type Update } from '../../protocol/call.ts'
import { rawObject } from '../../protocol/json-text.ts'
import { wantsLog } from '../../protocol/log-level.ts'
import type { CallTurn, Place, TurnWait } from './call-line.ts'

/** From when on a client is told, and how often, in milliseconds. */
const noticeMs = 5000

/**
 * The notification for a call that waits: progress if its client has asked for that, else a log message if it wants those;
 * undefined if it wants neither.
 * @param count the how many-th it is, from 1
 */
function waitNotice(call: Call, { ahead, expectedMs }: Place, count: number): Notification | undefined {
  const wait = expectedMs === undefined ? '' : `, about ${Math.max(1, Math.ceil(expectedMs / 1000))} s from now`
  const message = `The call waits for its turn: place ${ahead + 1} in line${wait}.`
  const { progressToken } = call
  if (progressToken !== undefined) {
    const token = JSON.parse(progressToken) as string | number
    // It has to rise, and the server begins at 0 at the lowest. [2025-11-25 utilities, progress]
    const params = rawObject({ progressToken: token, progress: -1 / count, message })
    return { kind: 'notification', method: 'notifications/progress', params }
  }
  const params = rawObject({ level: 'info', logger: 'mcplex', data: message })
  return wantsLog(call, params) ? { kind: 'notification', method: 'notifications/message', params } : undefined
}

/**
 * Waits for the turn of a call.
 * @param begin begins the wait, which the cancel ends
 */
export async function* waitForTurn(
  call: Call,
  begin: (cancel: Cancel) => TurnWait,
  clock: Clock,
): AsyncGenerator<Update, CallTurn, void> {
  const ended = new Cancel()
  const stopListening = call.cancel.onCancel(() => ended.cancel('the call is cancelled'))
  const { turn, place } = begin(ended)
  const wakeup = new Wakeup()
  let isSettled = false
  let isTaken = false
  const settle = (): void => {
    isSettled = true
    wakeup.notify()
  }
  turn.then(settle, settle)
  const timer = clock.every(noticeMs, () => wakeup.notify())
  try {
    for (let count = 1; !isSettled;) {
      await wakeup.next()
      const notice = isSettled ? undefined : waitNotice(call, place(), count++)
      if (!notice) continue
      yield notice
      forget(notice)
    }
    isTaken = true
    return await turn
  } finally {
    timer.stop()
    stopListening()
    if (!isTaken) {
      ended.cancel('nothing waits for the call any more')
      turn.then(
        (late) => late.end(false),
        () => undefined,
      )
    }
  }
}
