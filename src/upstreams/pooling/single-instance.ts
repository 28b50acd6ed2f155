/**
 * Detects servers of which only one worker can run, because they lock a database, a port or a browser. The sign is a
 * worker that ends at its start while another one runs. From then on the limit is one worker, whatever `--pool` says.
 *
 * Promises: two workers that run at once disprove it for a while, and two that have run for a minute until a start has
 * failed and another one has not: a new version of the program that ends at its start beside the old one is no sign. It is
 * tested again, more and more rarely, so that a temporary failure does not limit the pool for ever; a start that fails while
 * no other worker runs does not count.
 */
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'

/** How long two workers that ran at once show that they can. */
const severalMs = 10 * 60_000
const firstTryMs = 5000
const longestTryMs = 10 * 60_000

export interface SingleInstance {
  /** Whether only one worker of the server can run, as far as is known. */
  readonly isKnown: boolean
  /** Whether that is undecided: neither found, nor disproved lately. */
  readonly isUndecided: boolean
  /** Words for operators, with the remedy; undefined if it is not known to be so. */
  readonly detail: string | undefined
  /** A worker has ended at its start while another one ran. @param how the end, for operators */
  found(how: string): void
  /** Whether it is disproved until `startsAgain`. */
  readonly isDisproved: boolean
  /** Two workers run at once. @param isLasting whether they have for a minute */
  ranBeside(isLasting?: boolean): void
  /** A worker has started after others had failed to: what was seen before may be of another version of the program. */
  startsAgain(): void
  /** A worker could not be started while none ran: the cause is another one. */
  failedAlone(): void
  /** Whether to start a second worker now, to see whether it can run. */
  isTryDue(): boolean
}

export interface SingleInstanceNeeds {
  readonly clock: Clock
  readonly log: Log
  /** Called when it becomes known, and when it is no longer so. */
  readonly changed: (isKnown: boolean) => void
  /** Whether all clients share workers, so that one is enough. */
  readonly isShared?: () => boolean
}

const remedy = '--mode shared lets clients share it, if they may share its state'

export function createSingleInstance(needs: SingleInstanceNeeds): SingleInstance {
  const { clock, log, isShared = () => false } = needs
  let how: string | undefined
  let severalUntilMs = Number.NEGATIVE_INFINITY
  let tries = 0
  let tryAtMs = 0

  const forget = (): void => {
    how = undefined
    tries = 0
    needs.changed(false)
  }

  return {
    get isKnown() {
      return how !== undefined
    },
    get isUndecided() {
      return how === undefined && clock.now() >= severalUntilMs
    },
    get detail() {
      if (how === undefined) return undefined
      const effect = isShared() ? 'all clients share it' : `clients take turns; ${remedy}`
      return `only one process of the server can run (a second one: ${how}); ${effect}`
    },
    found(words) {
      const now = clock.now()
      if (how === undefined && now < severalUntilMs) return
      tryAtMs = now + Math.min(longestTryMs, firstTryMs * 2 ** tries)
      tries = Math.min(tries + 1, 30)
      const isNew = how === undefined
      how = words
      if (!isNew) return
      if (isShared())
        log.info({ 'err.message': words }, 'only one process of the server can run, which all clients share')
      else
        log.warn(
          { 'err.message': words },
          `only one process of the server can run: others end at their start, so clients take turns; ${remedy}`,
        )
      needs.changed(true)
    },
    get isDisproved() {
      return severalUntilMs === Number.POSITIVE_INFINITY
    },
    startsAgain() {
      if (severalUntilMs === Number.POSITIVE_INFINITY) severalUntilMs = Number.NEGATIVE_INFINITY
    },
    ranBeside(isLasting = false) {
      severalUntilMs = isLasting ? Number.POSITIVE_INFINITY : Math.max(severalUntilMs, clock.now() + severalMs)
      if (how === undefined) return
      log.info({}, 'several workers of the server can run again')
      forget()
    },
    failedAlone() {
      if (how !== undefined) forget()
    },
    isTryDue: () => how !== undefined && clock.now() >= tryAtMs,
  }
}
