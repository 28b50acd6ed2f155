/** What became of the calls of the last so many seconds, in ten slots of time. */
import type { Clock } from '../../base/clock.ts'

interface Slot {
  /** The how many-th slot since the clock began. */
  at: number
  calls: number
  failures: number
  callers: Callers
  failing: Callers
}

/** The only caller, or whether there are several; undefined: there is none. */
type Callers = { readonly only: string } | 'several' | undefined

const slots = 10

export interface WindowSums {
  readonly calls: number
  readonly failures: number
  /** Whether all failures are those of one caller, although others have called as well. */
  readonly isOneCallers: boolean
}

export class CallWindow {
  readonly #clock: Clock
  readonly #slotMs: number
  #slots: Slot[] = []

  /** @param windowMs how long a call counts, in milliseconds; a tenth less at least */
  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock
    this.#slotMs = Math.max(1, windowMs / slots)
  }

  /** @param caller a key of the session, or the client */
  add(caller: string, isFailure: boolean): void {
    const at = this.#now()
    let slot = this.#slots.at(-1)
    if (slot?.at !== at) {
      slot = { at, calls: 0, failures: 0, callers: undefined, failing: undefined }
      this.#slots.push(slot)
      if (this.#slots.length > slots) this.#slots.shift()
    }
    slot.calls++
    slot.callers = joined(slot.callers, { only: caller })
    if (!isFailure) return
    slot.failures++
    slot.failing = joined(slot.failing, { only: caller })
  }

  sums(): WindowSums {
    const oldest = this.#now() - slots
    let [calls, failures] = [0, 0]
    let callers: Callers
    let failing: Callers
    for (const slot of this.#slots) {
      if (slot.at <= oldest) continue
      calls += slot.calls
      failures += slot.failures
      callers = joined(callers, slot.callers)
      failing = joined(failing, slot.failing)
    }
    return { calls, failures, isOneCallers: callers === 'several' && failing !== 'several' }
  }

  clear(): void {
    this.#slots = []
  }

  #now(): number {
    return Math.floor(this.#clock.now() / this.#slotMs)
  }
}

function joined(one: Callers, other: Callers): Callers {
  if (one === undefined || other === undefined) return one ?? other
  if (one === 'several' || other === 'several' || one.only !== other.only) return 'several'
  return one
}
