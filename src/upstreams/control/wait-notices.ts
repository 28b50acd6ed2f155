/** A call waits for its turn, and its client is told now and then how far it is, if it streams. */
import { Cancel } from '../../base/cancel.ts'
import type { Clock, Timer } from '../../base/clock.ts'
import { Refusal } from '../../base/refusal.ts'
import { Wakeup } from '../../base/wakeup.ts'
import { type Call, forget, type Notification, type Update } from '../../protocol/call.ts'
import { rawObject } from '../../protocol/json-text.ts'
import { wantsLog } from '../../protocol/log-level.ts'
import type { CallTurn, Place, TurnWait } from './call-line.ts'

/** From when on a client is told, and how often, in milliseconds. */
const noticeMs = 5000
/**
 * How long a turn is kept for a call whose client has not read the last notice, in milliseconds: a client that never reads
 * would otherwise have the turn, and others wait, until its connection is cut.
 */
const unreadMs = 2000
const unread =
  'The client did not read what it was told of its place in line, so its turn went to the next call. The call was not sent.'

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
 * Waits for the turn of a call. Throws what the wait rejects with; `overloaded` if the client did not read and lost its turn.
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
  let isRead = true
  let isLost = false
  let unreadTimer: Timer | undefined
  const giveBack = (): void => {
    turn.then(
      (late) => late.end(false),
      () => undefined,
    )
  }
  const settle = (): void => {
    isSettled = true
    wakeup.notify()
    if (isRead) return
    unreadTimer = clock.after(unreadMs, () => {
      isLost = true
      giveBack()
    })
  }
  turn.then(settle, settle)
  const timer = clock.every(noticeMs, () => wakeup.notify())
  try {
    for (let count = 1; !isSettled;) {
      await wakeup.next()
      const notice = isSettled ? undefined : waitNotice(call, place(), count++)
      if (!notice) continue
      isRead = false
      yield notice
      isRead = true
      unreadTimer?.stop()
      forget(notice)
    }
    const taken = await turn
    if (isLost) throw new Refusal('overloaded', { message: unread, retryAfterMs: 1000 })
    isTaken = true
    return taken
  } finally {
    timer.stop()
    unreadTimer?.stop()
    stopListening()
    if (!isTaken) {
      ended.cancel('nothing waits for the call any more')
      giveBack()
    }
  }
}
