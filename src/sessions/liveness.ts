/**
 * Which sessions have dead clients: the rule for evicting sessions at capacity. Pure.
 *
 * A client that lost its stream and did not return is most likely dead: clients reconnect within seconds. A client that is
 * merely silent may be busy, so it gets more time. A client with an open stream is pinged before it is taken for dead,
 * because a machine that loses its power leaves its connections open.
 */

/** What is known about whether a client is alive. Times in milliseconds of the clock. */
export interface Liveness {
  /** When the client last sent a message of its own. */
  seenAtMs: number
  /** When it last answered a ping; undefined if it never did. */
  aliveAtMs: number | undefined
  /** Event streams that it holds open. */
  openStreams: number
  /** When it disconnected from the last of them before that stream had ended. */
  leftAtMs: number | undefined
  /** When it was last pinged. */
  pingedAtMs: number | undefined
}

/** A live client that lost its stream reconnects sooner than this: official clients try again after 1 s and 2.5 s. */
const returnMs = 5000
/** A live client answers a ping sooner than this. */
const answerMs = 5000

export function newLiveness(nowMs: number): Liveness {
  return { seenAtMs: nowMs, aliveAtMs: undefined, openStreams: 0, leftAtMs: undefined, pingedAtMs: undefined }
}

export function streamOpened(liveness: Liveness): void {
  liveness.openStreams++
}

/** @param cut whether the client disconnected before the stream had ended */
export function streamClosed(liveness: Liveness, nowMs: number, cut: boolean): void {
  liveness.openStreams--
  if (cut && liveness.openStreams === 0) liveness.leftAtMs = nowMs
}

/** At capacity: the session of a `dead` client may be evicted; a `doubtful` client is pinged, and judged by its answer. */
export type ClientState = 'dead' | 'doubtful' | 'alive'

/**
 * The state of a client that has completed its handshake and has no calls in flight. A client that has only answered pings
 * for longer than the idle time counts as dead: at capacity, active clients have precedence.
 * @param limits.evictIdleMs how long a client may be silent at capacity
 */
export function clientState(
  liveness: Liveness,
  nowMs: number,
  { evictIdleMs, idleTimeoutMs }: { readonly evictIdleMs: number; readonly idleTimeoutMs: number },
): ClientState {
  const { seenAtMs, openStreams, leftAtMs, pingedAtMs } = liveness
  if (nowMs - seenAtMs >= idleTimeoutMs) return 'dead'
  if (openStreams === 0) {
    if (leftAtMs !== undefined && leftAtMs >= seenAtMs && nowMs - leftAtMs >= returnMs) return 'dead'
    return nowMs - seenAtMs >= evictIdleMs ? 'dead' : 'alive'
  }
  const heardAtMs = lastHeardAtMs(liveness)
  if (nowMs - heardAtMs < evictIdleMs) return 'alive'
  if (pingedAtMs === undefined || pingedAtMs < heardAtMs) return 'doubtful'
  return nowMs - pingedAtMs >= answerMs ? 'dead' : 'alive'
}

/** When the client was last heard of, including answers to pings. */
export function lastHeardAtMs({ seenAtMs, aliveAtMs }: Liveness): number {
  return Math.max(seenAtMs, aliveAtMs ?? 0)
}

/** A client with an open stream is pinged this long before its session would end as idle, or a quarter of a shorter idle time. */
const pingBeforeMs = 30_000

/** Whether a client should be pinged now, so that its answer keeps the session from ending as idle. */
export function shouldPing(liveness: Liveness, nowMs: number, idleTimeoutMs: number): boolean {
  const { openStreams, pingedAtMs } = liveness
  const heardAtMs = lastHeardAtMs(liveness)
  const isPinged = pingedAtMs !== undefined && pingedAtMs >= heardAtMs
  return openStreams > 0 && !isPinged && nowMs - heardAtMs >= idleTimeoutMs - Math.min(pingBeforeMs, idleTimeoutMs / 4)
}

/** Like `clientState`, for a client that has not completed its handshake: its next message should follow within a round trip. */
export function clientStateInHandshake({ seenAtMs }: Liveness, nowMs: number): 'dead' | 'alive' {
  return nowMs - seenAtMs >= returnMs ? 'dead' : 'alive'
}
