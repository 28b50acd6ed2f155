/**
 * Whether only one process of the server can run, since it locks a database, a port or a browser: a process that ends
 * at its start while another one runs shows it. From then on the bound on processes is 1, whatever `--pool` says.
 *
 * Promises: two processes that run side by side prove the contrary, for a while; what was found is tried again, ever
 * more rarely, so that a failure that has passed does not keep the pool small for ever; and a start that fails while
 * no other process runs is never explained by this.
 */
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'

/** Processes that ran side by side prove for so long that they can. */
const severalMs = 10 * 60_000
const firstTryMs = 5000
const longestTryMs = 10 * 60_000

export interface SingleInstance {
  /** Whether only one process of the server can run, as far as is known. */
  readonly isKnown: boolean
  /** Whether it is worth to find out: it is not known, and nothing has proved the contrary lately. */
  readonly isOpen: boolean
  /** The same for operators, with the way out; undefined if it is not known to be so. */
  readonly detail: string | undefined
  /** A process has ended at its start, as `how` says, while another one ran. */
  found(how: string): void
  /** Two processes run side by side. */
  ranBeside(): void
  /** A process could not be started while none ran: something else is wrong. */
  failedAlone(): void
  /** Whether it is time to start a second process, to see whether that can run by now. */
  isTryDue(): boolean
}

export interface SingleInstanceNeeds {
  readonly clock: Clock
  readonly log: Log
  /** Told when it becomes known, and when it is known no longer. */
  readonly changed: (isKnown: boolean) => void
}

const wayOut = '--mode shared lets clients share it, if they may share its state'

export function createSingleInstance(needs: SingleInstanceNeeds): SingleInstance {
  const { clock, log } = needs
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
    get isOpen() {
      return how === undefined && clock.now() >= severalUntilMs
    },
    get detail() {
      if (how === undefined) return undefined
      return `only one process of the server can run (a second one: ${how}); clients take turns; ${wayOut}`
    },
    found(said) {
      const now = clock.now()
      if (how === undefined && now < severalUntilMs) return
      tryAtMs = now + Math.min(longestTryMs, firstTryMs * 2 ** tries)
      tries = Math.min(tries + 1, 30)
      const isNew = how === undefined
      how = said
      if (!isNew) return
      log.warn(
        { 'err.message': said },
        `only one process of the server can run: others end at their start, so clients take turns; ${wayOut}`,
      )
      needs.changed(true)
    },
    ranBeside() {
      severalUntilMs = clock.now() + severalMs
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
