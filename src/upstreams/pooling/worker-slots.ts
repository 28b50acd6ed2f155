/**
 * The bound on processes of the server (`--pool`): each takes a place from before its start to its end, whatever it is
 * for. Nothing starts a process but through here, so the bound holds for all of them together.
 */
import type { Child } from '../stdio/child.ts'

/**
 * What a process is for: the calls of clients, those of the future, what the server announces, or whether it starts.
 * Told to those who listen for `processStarted`.
 */
export type Purpose = 'serve' | 'spare' | 'catalogue' | 'check'

/** A place that was taken. */
export interface WorkerSlot {
  /** Starts the program in it, or hands out the process that is in it; to be called once. */
  start(): Child
  /** Gives it back if nothing was started in it. */
  release(): void
}

export interface WorkerSlots {
  /** Undefined if all are taken. @param most another bound, for this one alone */
  take(purpose: Purpose, most?: number): WorkerSlot | undefined
  /** A process is for something else from now on. */
  move(pid: number | undefined, purpose: Purpose): void
  readonly taken: number
  readonly free: number
  /** Processes that were told to end, and still run. */
  readonly ending: number
  of(purpose: Purpose): number
}

interface Taken {
  purpose: Purpose
  child: Child | undefined
}

/** @param bound how many there are, at the moment */
export function createWorkerSlots(bound: () => number, startChild: (purpose: Purpose) => Child): WorkerSlots {
  const places = new Set<Taken>()

  /** Those that are taken. A process says that it is over, and tells nobody: so each look forgets those. */
  const all = (): Set<Taken> => {
    for (const place of places) if (place.child?.exited) places.delete(place)
    return places
  }
  const count = (counts: (place: Taken) => boolean): number => {
    let found = 0
    for (const place of all()) if (counts(place)) found++
    return found
  }

  return {
    take(purpose, most = bound()) {
      if (places.size >= most && all().size >= most) return undefined
      const place: Taken = { purpose, child: undefined }
      places.add(place)
      return {
        start: () => (place.child = startChild(place.purpose)),
        release: () => void (place.child ?? places.delete(place)),
      }
    },
    move(pid, purpose) {
      for (const place of places) if (pid !== undefined && place.child?.pid === pid) place.purpose = purpose
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
    of: (purpose) => count((place) => place.purpose === purpose),
  }
}
