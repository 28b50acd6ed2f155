/** A call waits for what it needs to run, and its client is told now and then how far it is, if it streams. */
import type { Clock, Timer } from '../base/clock.ts'
import { Refusal } from '../base/refusal.ts'
import type { Place } from '../base/waiting-line.ts'
import { Wakeup } from '../base/wakeup.ts'
import { type Call, forget, type Notification, type Update } from '../protocol/call.ts'
import { rawObject } from '../protocol/json-text.ts'
import { wantsLog } from '../protocol/log-level.ts'

/** A call that waits for a worker, or its turn. */
export interface CallWait<Given> {
  readonly call: Call
  readonly given: Promise<Given>
  readonly place: () => Place
  /** Called with what was given to a call that is over, or whose client does not read. */
  readonly giveBack: (given: Given) => void
  readonly clock: Clock
  /** What else its client is sent meanwhile, one update after the other. */
  readonly others?: () => Update | undefined
}

/** What a call has waited for. */
export interface AwaitedGift<Given> {
  readonly given: Given
  /** How often its client was told that it waits, in other lines, too. */
  readonly waitNotices: number
}

/** From when on a client is told, and how often, in milliseconds. */
const noticeMs = 5000
/**
 * How long what was given is kept for a call whose client has not read the last notice, in milliseconds: a client that never
 * reads would otherwise have it, and others wait, until its connection is cut.
 */
const unreadMs = 2000
const unread =
  'The client did not read what it was told of its place in line, so its turn went to the next call. The call was not sent.'

/**
 * Waits for what a call needs. Throws what the wait rejects with; `overloaded` if the client did not read and lost its turn.
 * @param wakeup notified when there is another update for the client
 */
export async function* untilGiven<Given>(
  { call, given, place, giveBack, clock, others }: CallWait<Given>,
  wakeup: Wakeup = new Wakeup(),
): AsyncGenerator<Update, AwaitedGift<Given>, void> {
  let waitNotices = call.waitNotices ?? 0
  let isSettled = false
  let isTaken = false
  let isRead = true
  let isLost = false
  let isDue = false
  let unreadTimer: Timer | undefined
  const returnIt = (): void => {
    given.then(giveBack, () => undefined)
  }
  const settle = (): void => {
    isSettled = true
    wakeup.notify()
    if (isRead) return
    unreadTimer = clock.after(unreadMs, () => {
      isLost = true
      returnIt()
    })
  }
  given.then(settle, settle)
  const timer = clock.every(noticeMs, () => {
    isDue = true
    wakeup.notify()
  })
  const notice = (): Notification | undefined => {
    if (!isDue) return undefined
    isDue = false
    return waitNotice(call, place(), ++waitNotices)
  }
  try {
    while (!isSettled) {
      const update = others?.() ?? notice()
      if (!update) {
        await wakeup.next()
        continue
      }
      isRead = false
      yield update
      isRead = true
      unreadTimer?.stop()
      forget(update)
    }
    const found = await given
    if (isLost) throw new Refusal('overloaded', { message: unread, retryAfterMs: 1000 })
    isTaken = true
    return { given: found, waitNotices }
  } finally {
    timer.stop()
    unreadTimer?.stop()
    if (!isTaken && !isLost) returnIt()
  }
}

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
