/**
 * Who has to wait when a process cannot be started: those for whom it was, or everybody.
 *
 * A server may end upon the words of one client, such as its name or a capability. Then that client's unit or profile
 * waits before it is tried again, and nobody else does. A program that starts for nobody must not be tried again for
 * each of them: so it is started once with words of our own, and if that fails as well, all wait; from then on for
 * every failure, until it has started for somebody. Meanwhile it is tried again with words of our own after each
 * pause, so that it comes back without a call. One that ends while another process runs, whoever it was for, is no
 * reason for anybody to wait if one with our own words does as well: then only one can run (only-one.ts).
 */
import { type Clock, pause } from '../../base/clock.ts'
import { Refusal } from '../../base/refusal.ts'
import type { ServerEra } from '../connection/connector.ts'
import type { SingleInstance } from './single-instance.ts'
import { RestartBackoff } from './restart-backoff.ts'
import type { StartFailure } from '../connection/start-failure.ts'

export interface CrashLoopGuard {
  /** Waits until a process may be started for them. Throws `upstream_unavailable` if that is not soon. */
  untilAllowed(own: RestartBackoff): Promise<void>
  /** Whether a process may be started for them without a wait. */
  mayStart(own: RestartBackoff): boolean
  /** The failures of those who learn from a source. */
  ofSource(source: string): RestartBackoff
  /**
   * @param own the failures of those whom it was for, if it was for anybody
   * @param ourWords whether nothing of a client was said to the process
   */
  startFailed(own: RestartBackoff | undefined, failure: StartFailure, ourWords: boolean, serverEra: ServerEra): void
  /** Starts the program with words of our own, to see whether it starts, unless that was seen a moment ago. */
  check(serverEra: ServerEra): void
  /** Resolves when no process is being started to see whether the program starts. Never rejects. */
  checked(): Promise<void>
  /** A process has answered its first words. */
  started(): void
  /** Why nobody gets a process, for operators; undefined as long as the program starts. */
  readonly fault: string | undefined
  /** Tries the program again if nobody gets a process and the pause is over; called now and then. */
  retry(serverEra: ServerEra): void
}

/** A program that has just started for us is not looked at again for so long. */
const provenMs = 10_000
/** There are not many more profiles than these at any time: see profiles.ts. */
const maxSources = 512

export function createCrashLoopGuard(needs: {
  readonly clock: Clock
  /** Starts the program with words of our own, and ends it again. A failure is told to `startFailed`. */
  readonly prove: (serverEra: ServerEra) => Promise<void>
  readonly onlyOne: SingleInstance
  /** Whether a process of the server runs that has answered its first words. */
  readonly isOneRunning: () => boolean
  /** Whether there are several of them at the moment. */
  readonly areSeveralRunning: () => boolean
}): CrashLoopGuard {
  const { clock, onlyOne } = needs
  const everybody = new RestartBackoff()
  const sources = new Map<string, RestartBackoff>()
  let proving: Promise<void> | undefined
  let fault: string | undefined
  let provenUntilMs = 0
  let provenBesideUntilMs = 0

  const allowed = async (limit: RestartBackoff): Promise<void> => {
    const now = clock.now()
    const wait = limit.pauseMs(now)
    if (limit.isOpen(now)) throw new Refusal('upstream_unavailable', { retryAfterMs: wait })
    if (wait > 0) await pause(clock, wait)
  }

  const prove = (serverEra: ServerEra): void => {
    if (proving || everybody.pauseMs(clock.now()) > 0) return
    const isBeside = needs.isOneRunning()
    const proven = (): void => {
      provenUntilMs = clock.now() + provenMs
      if (isBeside) provenBesideUntilMs = provenUntilMs
    }
    proving = needs
      .prove(serverEra)
      .then(proven, () => {
        // It has been counted.
      })
      .finally(() => (proving = undefined))
  }
  /** That it starts while no other process runs does not show that it does beside one. */
  const isProven = (): boolean =>
    clock.now() < (onlyOne.isOpen && needs.isOneRunning() ? provenBesideUntilMs : provenUntilMs)
  /** Whether it is explained by the other process that runs; so is what a process with a client's words says of it. */
  const isExplained = (failure: StartFailure, ourWords: boolean): boolean => {
    // One that is silent may only be slow.
    if (failure.fault !== 'ended' || !needs.isOneRunning() || needs.areSeveralRunning()) return false
    if (ourWords) onlyOne.found(failure.detail)
    return onlyOne.isKnown
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
        sources.set(source, (known = new RestartBackoff()))
      }
      return known
    },
    startFailed(own, failure, ourWords, serverEra) {
      const now = clock.now()
      const hasRun = failure.fault !== 'not_run'
      own?.failed(now, hasRun)
      if (failure.fault === 'refused' && !ourWords) return
      if (isExplained(failure, ourWords)) fault = undefined
      else if (fault !== undefined || !hasRun || ourWords) {
        fault = failure.detail
        everybody.failed(now, hasRun)
        if (!needs.isOneRunning()) onlyOne.failedAlone()
      } else if (!isProven()) prove(serverEra)
    },
    check(serverEra) {
      if (!isProven()) prove(serverEra)
    },
    checked: async () => proving,
    started() {
      fault = undefined
    },
    get fault() {
      return fault
    },
    retry(serverEra) {
      if (fault !== undefined) prove(serverEra)
    },
  }
}
