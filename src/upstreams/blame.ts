/**
 * Who has to wait when a process cannot be started: those for whom it was, or everybody.
 *
 * A server may end upon the words of one client, such as its name or a capability. Then that client's unit or profile
 * waits before it is tried again, and nobody else does. A program that starts for nobody must not be tried again for
 * each of them: so it is started once with words of our own, and if that fails as well, all wait; from then on for
 * every failure, until it has started for somebody. Meanwhile it is tried again with words of our own after each
 * pause, so that it comes back without a call.
 */
import { type Clock, pause } from '../base/clock.ts'
import { Refusal } from '../base/refusal.ts'
import type { Face } from './face.ts'
import { Restarts } from './restarts.ts'
import type { StartFailure } from './start-failure.ts'

export interface Blame {
  /** Waits until a process may be started for them. Throws `upstream_unavailable` if that is not soon. */
  untilAllowed(own: Restarts): Promise<void>
  /** Whether a process may be started for them without a wait. */
  mayStart(own: Restarts): boolean
  /** The failures of those who learn from a source. */
  ofSource(source: string): Restarts
  /**
   * @param own the failures of those whom it was for, if it was for anybody
   * @param ourWords whether nothing of a client was said to the process
   */
  startFailed(own: Restarts | undefined, failure: StartFailure, ourWords: boolean, face: Face): void
  /** A process has answered its first words. */
  started(): void
  /** Why nobody gets a process, for operators; undefined as long as the program starts. */
  readonly fault: string | undefined
  /** Tries the program again if nobody gets a process and the pause is over; called now and then. */
  retry(face: Face): void
}

/** A program that has just started for us is not looked at again for so long. */
const provenMs = 10_000
/** There are not many more profiles than these at any time: see profiles.ts. */
const maxSources = 512

export function createBlame(needs: {
  readonly clock: Clock
  /** Starts the program with words of our own, and ends it again. A failure is told to `startFailed`. */
  readonly prove: (face: Face) => Promise<void>
}): Blame {
  const { clock } = needs
  const everybody = new Restarts()
  const sources = new Map<string, Restarts>()
  let isProving = false
  let fault: string | undefined
  let provenUntilMs = 0

  const allowed = async (limit: Restarts): Promise<void> => {
    const now = clock.now()
    const wait = limit.pauseMs(now)
    if (limit.isOpen(now)) throw new Refusal('upstream_unavailable', { retryAfterMs: wait })
    if (wait > 0) await pause(clock, wait)
  }

  const prove = async (face: Face): Promise<void> => {
    if (isProving || everybody.pauseMs(clock.now()) > 0) return
    isProving = true
    try {
      await needs.prove(face)
      provenUntilMs = clock.now() + provenMs
    } catch {
      // It has been counted.
    } finally {
      isProving = false
    }
  }

  return {
    async untilAllowed(own) {
      await allowed(own)
      await allowed(everybody)
    },
    mayStart: (own) => own.pauseMs(clock.now()) === 0 && everybody.pauseMs(clock.now()) === 0,
    ofSource(source) {
      let known = sources.get(source)
      if (!known) {
        if (sources.size >= maxSources)
          for (const [key, restarts] of sources) if (restarts.pauseMs(clock.now()) === 0) sources.delete(key)
        sources.set(source, (known = new Restarts()))
      }
      return known
    },
    startFailed(own, failure, ourWords, face) {
      const now = clock.now()
      const hasRun = failure.fault !== 'not_run'
      own?.failed(now, hasRun)
      if (failure.fault === 'refused' && !ourWords) return
      if (fault !== undefined || !hasRun || ourWords) {
        fault = failure.detail
        everybody.failed(now, hasRun)
      } else if (now >= provenUntilMs) void prove(face)
    },
    started() {
      fault = undefined
    },
    get fault() {
      return fault
    },
    retry(face) {
      if (fault !== undefined) void prove(face)
    },
  }
}
