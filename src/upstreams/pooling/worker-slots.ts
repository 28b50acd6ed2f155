/**
 * The limit on workers (`--pool`): each takes a slot from before its start to its end, whatever its purpose. Workers are
 * started only through a slot, so the limit holds for all of them together.
 */
import type { WorkerId } from '../../protocol/call.ts'
import type { Child } from '../stdio/child.ts'

/**
 * What a worker is for: `serve` calls of clients, be a `spare` for later clients, be a `catalogue` worker, or `check`
 * whether the program starts. Part of the event `workerStarted`.
 */
export type Purpose = 'serve' | 'spare' | 'catalog' | 'check'

/** A slot that was taken. */
export interface WorkerSlot {
  /** Starts the program, or returns the process that the slot holds already. To be called once. */
  start(): Child
  /** Frees the slot if nothing was started in it. */
  release(): void
}

export interface WorkerSlots {
  /** Takes a slot; undefined if all are taken. @param most another limit for this call alone */
  take(purpose: Purpose, most?: number): WorkerSlot | undefined
  /** Changes the purpose of a worker. */
  move(worker: WorkerId | undefined, purpose: Purpose): void
  readonly taken: number
  readonly free: number
  /** Workers that are being ended and still run. */
  readonly ending: number
  of(purpose: Purpose): number
}

interface TakenSlot {
  purpose: Purpose
  child: Child | undefined
}

/** @param bound the current number of slots */
export function createWorkerSlots(bound: () => number, startChild: (purpose: Purpose) => Child): WorkerSlots {
  const slots = new Set<TakenSlot>()

  /** The slots that are taken. There is no event for the end of a process here, so each call removes ended ones. */
  const all = (): Set<TakenSlot> => {
    for (const slot of slots) if (slot.child?.exited) slots.delete(slot)
    return slots
  }
  const count = (counts: (slot: TakenSlot) => boolean): number => {
    let found = 0
    for (const slot of all()) if (counts(slot)) found++
    return found
  }

  return {
    take(purpose, most = bound()) {
      if (slots.size >= most && all().size >= most) return undefined
      const slot: TakenSlot = { purpose, child: undefined }
      slots.add(slot)
      return {
        start: () => (slot.child = startChild(slot.purpose)),
        release: () => void (slot.child ?? slots.delete(slot)),
      }
    },
    move(worker, purpose) {
      for (const slot of slots) if (worker !== undefined && slot.child?.id === worker) slot.purpose = purpose
    },
    get taken() {
      return all().size
    },
    get free() {
      return bound() - all().size
    },
    get ending() {
      return count(({ child }) => child?.ending === true)
    },
    of: (purpose) => count((slot) => slot.purpose === purpose),
  }
}
