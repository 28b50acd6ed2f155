/**
 * Who may be gone: the rule by which sessions give way to newcomers when all places are taken. Pure.
 *
 * A client that had a stream, lost it and was not heard of again has most likely vanished: clients come back within
 * seconds. One that merely says nothing may be thinking, so it is given longer. One with an open stream is asked
 * (a ping) before it is taken to be gone: a machine that lost its power leaves its connections open.
 */

/** What is known of a client's being there. Times in milliseconds of the clock. */
export interface Liveness {
  /** When the client last sent a message of its own. */
  seenMs: number
  /** When it last answered a ping. */
  aliveMs: number | undefined
  /** Event streams that it holds open. */
  openStreams: number
  /** When it left the last of them before that had ended. */
  leftMs: number | undefined
  /** When it was asked for a sign of life. */
  askedMs: number | undefined
}

/** A client that lost its stream comes back sooner than this: official clients try again after 1 s and 2.5 s. */
const returnMs = 5000
/** A client that lives answers a ping sooner than this. */
const answerMs = 5000

export function newLiveness(nowMs: number): Liveness {
  return { seenMs: nowMs, aliveMs: undefined, openStreams: 0, leftMs: undefined, askedMs: undefined }
}

export function streamOpened(liveness: Liveness): void {
  liveness.openStreams++
}

/** @param cut whether the client left before the stream had ended */
export function streamClosed(liveness: Liveness, nowMs: number, cut: boolean): void {
  liveness.openStreams--
  if (cut && liveness.openStreams === 0) liveness.leftMs = nowMs
}

/**
 * How likely a client without calls in flight is gone: `gone` may be ended for a newcomer, `ask` wants a ping first.
 * A client that has only answered pings for longer than the idle time counts as gone: at capacity its place goes to one
 * that works.
 * @param giveWayMs how long a client may be silent at capacity
 */
export function absence(
  liveness: Liveness,
  nowMs: number,
  { evictIdleMs, idleTimeoutMs }: { readonly evictIdleMs: number; readonly idleTimeoutMs: number },
): 'gone' | 'ask' | 'here' {
  const { seenMs, openStreams, leftMs, askedMs } = liveness
  if (nowMs - seenMs >= idleTimeoutMs) return 'gone'
  if (openStreams === 0) {
    if (leftMs !== undefined && leftMs >= seenMs && nowMs - leftMs >= returnMs) return 'gone'
    return nowMs - seenMs >= evictIdleMs ? 'gone' : 'here'
  }
  const heardMs = lastHeardMs(liveness)
  if (nowMs - heardMs < evictIdleMs) return 'here'
  if (askedMs === undefined || askedMs < heardMs) return 'ask'
  return nowMs - askedMs >= answerMs ? 'gone' : 'here'
}

/** When anything last came of the client, an answer to a ping included. */
export function lastHeardMs({ seenMs, aliveMs }: Liveness): number {
  return Math.max(seenMs, aliveMs ?? 0)
}

/** Before its idle end a client with an open stream has this long to answer a ping, or a quarter of a short idle time. */
const askBeforeMs = 30_000

/** Whether a client should be sent a ping now, or its session will end for being idle. */
export function shouldAsk(liveness: Liveness, nowMs: number, idleTimeoutMs: number): boolean {
  const { openStreams, askedMs } = liveness
  const heardMs = lastHeardMs(liveness)
  const isAsked = askedMs !== undefined && askedMs >= heardMs
  return openStreams > 0 && !isAsked && nowMs - heardMs >= idleTimeoutMs - Math.min(askBeforeMs, idleTimeoutMs / 4)
}

/** The same for a client that has not completed its handshake: the message that does follows within a round trip. */
export function absenceInHandshake({ seenMs }: Liveness, nowMs: number): 'gone' | 'here' {
  return nowMs - seenMs >= returnMs ? 'gone' : 'here'
}
