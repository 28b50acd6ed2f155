/**
 * Spares are workers started in advance, so that the first call of a session does not wait for a cold start. A spare has
 * been sent nothing: it gets the handshake of its client when it is taken.
 *
 * No more are started at once than are missing, and none while the server cannot be started. If spares end by
 * themselves, they are started more and more rarely.
 */
import { type BackOff, backOffMs } from '../../base/backoff.ts'
import type { Clock } from '../../base/clock.ts'
import type { WorkerExit } from '../worker-exit.ts'
import type { Purpose } from '../worker-states.ts'
import type { WorkerSlot } from './worker-slots.ts'

const pauses: BackOff = { firstMs: 500, longestMs: 10 * 60_000 }
/** The end of a spare that lived this long does not count as a failure of the one before. */
const steadyMs = 60_000

export interface Spares {
  /** The slot of a live spare, with a new purpose; undefined if there is none. */
  take(purpose: Purpose): WorkerSlot | undefined
  /** Starts missing spares, as far as there are slots and the server can be started. */
  fill(): void
  /** Ends all spares. */
  clear(): void
  close(): Promise<void>
}

export interface SparesNeeds {
  /** How many there should be; it may change. */
  readonly wanted: () => number
  readonly clock: Clock
  /** Takes a slot for one more; undefined if there is none to spare. */
  readonly takeSlot: () => WorkerSlot | undefined
  /** Whether the server can be started, as far as is known. */
  readonly mayStart: () => boolean
  /** A spare could not be started, or ended by itself. */
  readonly failed: (exit: WorkerExit) => void
}

export function createSpares(needs: SparesNeeds): Spares {
  const { clock } = needs
  let spares: Array<{ readonly slot: WorkerSlot; readonly startedMs: number }> = []
  let failures = 0
  let notBeforeMs = Number.NEGATIVE_INFINITY
  let closed = false

  const lost = (slot: WorkerSlot, startedMs: number): void => {
    const now = clock.now()
    failures = now - startedMs >= steadyMs ? 1 : failures + 1
    notBeforeMs = now + backOffMs(pauses, failures)
    slot.start().watch((exit) => closed || needs.failed(exit))
  }
  const sweep = (): void => {
    const gone = spares.filter(({ slot }) => slot.state !== 'spare')
    if (gone.length === 0) return
    spares = spares.filter(({ slot }) => slot.state === 'spare')
    // One that was replaced has not failed.
    for (const { slot, startedMs } of gone) if (!slot.isReplaced) lost(slot, startedMs)
  }

  return {
    take(purpose) {
      sweep()
      const spare = spares.shift()
      if (!spare) return undefined
      const { slot } = spare
      slot.assign(purpose)
      slot.move('starting')
      slot.putBack = () => {
        if (closed || spares.length >= needs.wanted()) return void slot.close(closed ? 'stopped' : 'not_needed')
        slot.assign('spare')
        if (!slot.ended) slot.move('spare')
        spares.push(spare)
      }
      return slot
    },
    fill() {
      sweep()
      // The number is fixed before the first start: a failed start must not be repeated in this loop.
      for (let missing = needs.wanted() - spares.length; missing > 0; missing--) {
        const startedMs = clock.now()
        if (closed || startedMs < notBeforeMs || !needs.mayStart()) return
        const slot = needs.takeSlot()
        if (!slot) return
        slot.start()
        if (slot.ended) return lost(slot, startedMs)
        slot.move('spare')
        spares.push({ slot, startedMs })
      }
    },
    clear: () => spares.splice(0).forEach(({ slot }) => void slot.close('not_needed')),
    async close() {
      closed = true
      await Promise.all(spares.splice(0).map(({ slot }) => slot.close('stopped')))
    },
  }
}
