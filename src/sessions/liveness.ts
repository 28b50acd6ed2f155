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
  seenMs: number
  /** When it last answered a ping. */
  aliveMs: number | undefined
  /** Event streams that it holds open. */
  openStreams: number
  /** When it disconnected from the last of them before that stream had ended. */
  leftMs: number | undefined
  /** When it was last pinged. */
  pingedMs: number | undefined
}

/** A live client that lost its stream reconnects sooner than this: official clients try again after 1 s and 2.5 s. */
const returnMs = 5000
/** A live client answers a ping sooner than this. */
const answerMs = 5000

export function newLiveness(nowMs: number): Liveness {
  return { seenMs: nowMs, aliveMs: undefined, openStreams: 0, leftMs: undefined, pingedMs: undefined }
}

export function streamOpened(liveness: Liveness): void {
  liveness.openStreams++
}

/** @param cut whether the client disconnected before the stream had ended */
export function streamClosed(liveness: Liveness, nowMs: number, cut: boolean): void {
  liveness.openStreams--
  if (cut && liveness.openStreams === 0) liveness.leftMs = nowMs
}

/**
 * Whether a client without calls in flight is alive: a session of a `dead` client may be evicted, `ping` asks for a ping
 * first. A client that has only answered pings for longer than the idle time counts as dead: at capacity, active clients
 * have precedence.
 * @param limits.evictIdleMs how long a client may be silent at capacity
 */
export function livenessOf(
  liveness: Liveness,
  nowMs: number,
  { evictIdleMs, idleTimeoutMs }: { readonly evictIdleMs: number; readonly idleTimeoutMs: number },
): 'dead' | 'ping' | 'alive' {
  const { seenMs, openStreams, leftMs, pingedMs } = liveness
  if (nowMs - seenMs >= idleTimeoutMs) return 'dead'
  if (openStreams === 0) {
    if (leftMs !== undefined && leftMs >= seenMs && nowMs - leftMs >= returnMs) return 'dead'
    return nowMs - seenMs >= evictIdleMs ? 'dead' : 'alive'
  }
  const heardMs = lastHeardMs(liveness)
  if (nowMs - heardMs < evictIdleMs) return 'alive'
  if (pingedMs === undefined || pingedMs < heardMs) return 'ping'
  return nowMs - pingedMs >= answerMs ? 'dead' : 'alive'
}

/** When the client was last heard of, including answers to pings. */
export function lastHeardMs({ seenMs, aliveMs }: Liveness): number {
  return Math.max(seenMs, aliveMs ?? 0)
}

/** A client with an open stream is pinged this long before its session would end as idle, or a quarter of a shorter idle time. */
const pingBeforeMs = 30_000

/** Whether a client should be pinged now, so that its answer keeps the session from ending as idle. */
export function shouldPing(liveness: Liveness, nowMs: number, idleTimeoutMs: number): boolean {
  const { openStreams, pingedMs } = liveness
  const heardMs = lastHeardMs(liveness)
  const isPinged = pingedMs !== undefined && pingedMs >= heardMs
  return openStreams > 0 && !isPinged && nowMs - heardMs >= idleTimeoutMs - Math.min(pingBeforeMs, idleTimeoutMs / 4)
}

/** Like `livenessOf`, for a client that has not completed its handshake: its next message should follow within a round trip. */
export function livenessInHandshake({ seenMs }: Liveness, nowMs: number): 'dead' | 'alive' {
  return nowMs - seenMs >= returnMs ? 'dead' : 'alive'
}
