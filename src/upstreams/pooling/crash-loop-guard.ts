/**
 * Which callers have to wait when a worker cannot be started: only those it was for, or all.
 *
 * A server may end because of what one client sends in its handshake, such as its name or a capability. Then only the
 * group or profile of that client waits before the next attempt. A program that cannot start at all must not be tried
 * again for each client: it is started once with a neutral handshake of our own, and if that fails too, all callers
 * wait, from then on for every failure, until a worker has started. Meanwhile a test start after each pause finds out
 * when the program works again, without a call. If a worker ends while another one runs, and a test start does so, too,
 * no caller has to wait: then only one worker can run (single-instance.ts).
 */
import { type Clock, pause } from '../../base/clock.ts'
import { Refusal } from '../../base/refusal.ts'
import type { ServerEra } from '../server-era.ts'
import type { SingleInstance } from './single-instance.ts'
import { RestartBackoff } from './restart-backoff.ts'
import type { StartFailure } from '../worker-exit.ts'

/** What a start was for, and what ran beside it. */
export interface StartContext {
  /** Whether the handshake held nothing of a client. */
  readonly isNeutral: boolean
  /** Whether another worker ran when it began, which may have ended since. */
  readonly wasBeside: boolean
  readonly serverEra: ServerEra
}

export interface CrashLoopGuard {
  /** Waits until a worker may be started. Throws `upstream_unavailable` if the back-off is open. @param own their back-off */
  untilAllowed(own: RestartBackoff): Promise<void>
  /** Whether a worker may be started without a wait. @param own their back-off */
  mayStart(own: RestartBackoff): boolean
  /** The back-off of the catalog workers of a source. */
  ofSource(source: string): RestartBackoff
  /**
   * Counts a failed start. @param own the back-off of the group or source that the worker was for, if any
   * @returns whether another worker may be the cause. It is not counted in `own` then: explain-start.ts finds out first,
   * so that calls of the group wait meanwhile, and are not refused for a failure that is taken back.
   */
  startFailed(own: RestartBackoff | undefined, failure: StartFailure, start: StartContext): boolean
  /** Makes a test start, unless one has succeeded a moment ago. */
  check(serverEra: ServerEra): void
  /** Resolves when no test start is in progress. Never rejects. */
  checked(): Promise<void>
  /** A worker has answered its handshake. */
  started(): void
  /** Why no worker can be started, for operators; undefined as long as the program starts. */
  readonly fault: string | undefined
  /** Makes a test start if no worker can be started and the pause is over; called now and then. */
  retry(serverEra: ServerEra): void
}

/** How long a successful test start counts. */
const passedMs = 10_000
/** There are not many more profiles than these at any time: see profile-keys.ts. */
const maxSources = 512

export function createCrashLoopGuard(needs: {
  readonly clock: Clock
  /** Starts a worker with a neutral handshake and ends it. Rejects if it fails, as `startFailed` was told. */
  readonly testStart: (serverEra: ServerEra) => Promise<void>
  readonly onlyOne: SingleInstance
  /** Whether a worker runs that has answered its handshake. */
  readonly isOneRunning: () => boolean
  /** Whether several such workers run. */
  readonly areSeveralRunning: () => boolean
}): CrashLoopGuard {
  const { clock, onlyOne } = needs
  const forAll = new RestartBackoff()
  const sources = new Map<string, RestartBackoff>()
  let testing: Promise<void> | undefined
  let fault: string | undefined
  let passedUntilMs = 0
  let passedBesideUntilMs = 0

  const allowed = async (limit: RestartBackoff): Promise<void> => {
    const now = clock.now()
    const wait = limit.pauseMs(now)
    if (limit.refusesAtOnce(now)) throw new Refusal('upstream_unavailable', { retryAfterMs: wait })
    if (wait > 0) await pause(clock, wait)
  }

  const test = (serverEra: ServerEra): void => {
    if (testing || forAll.pauseMs(clock.now()) > 0) return
    const isBeside = needs.isOneRunning()
    const passed = (): void => {
      passedUntilMs = clock.now() + passedMs
      if (isBeside) passedBesideUntilMs = passedUntilMs
    }
    testing = needs
      .testStart(serverEra)
      .then(passed, () => {
        // `startFailed` has counted it.
      })
      .finally(() => (testing = undefined))
  }
  /** A test start without another running worker does not show that two can run at once. */
  const hasPassed = (): boolean =>
    clock.now() < (onlyOne.isUndecided && needs.isOneRunning() ? passedBesideUntilMs : passedUntilMs)
  /**
   * Whether the failure is explained by the other worker that runs, or ran when the start began. Only a neutral handshake
   * can establish that, and only while the other one still runs: else both may have ended for the same reason.
   */
  const isExplained = (failure: StartFailure, { isNeutral, wasBeside }: StartContext): boolean => {
    // A silent worker may only be slow.
    if (failure.fault !== 'ended' || needs.areSeveralRunning()) return false
    const isBeside = needs.isOneRunning()
    if (isBeside && isNeutral) onlyOne.found(failure.detail)
    return (isBeside || wasBeside) && onlyOne.isKnown
  }

  return {
    async untilAllowed(own) {
      await allowed(own)
      await allowed(forAll)
    },
    mayStart: (own) => own.pauseMs(clock.now()) === 0 && forAll.pauseMs(clock.now()) === 0,
    ofSource(source) {
      let known = sources.get(source)
      if (!known) {
        if (sources.size >= maxSources)
          for (const [key, restarts] of sources) if (restarts.pauseMs(clock.now()) === 0) sources.delete(key)
        sources.set(source, (known = new RestartBackoff()))
      }
      return known
    },
    startFailed(own, failure, start) {
      const { isNeutral, serverEra } = start
      const now = clock.now()
      const hasRun = failure.fault !== 'not_run'
      const failed = hasRun ? 'start' : 'not_run'
      const isOpen = failure.fault === 'ended' && (start.wasBeside || needs.isOneRunning())
      if (!isOpen) own?.failed(now, failed)
      if (failure.fault === 'refused' && !isNeutral) return isOpen
      if (isExplained(failure, start)) fault = undefined
      else if (fault !== undefined || !hasRun || isNeutral) {
        fault = failure.detail
        forAll.failed(now, failed)
        if (!needs.isOneRunning()) onlyOne.failedAlone()
      } else if (!hasPassed()) test(serverEra)
      return isOpen
    },
    check(serverEra) {
      if (!hasPassed()) test(serverEra)
    },
    checked: async () => testing,
    started() {
      if (fault !== undefined) onlyOne.startsAgain()
      fault = undefined
    },
    get fault() {
      return fault
    },
    retry(serverEra) {
      if (fault !== undefined) test(serverEra)
    },
  }
}
