/** A lease: something held that is given back exactly once, however often it is released. */
export interface Lease {
  /** Gives it back. Calling it again does nothing. */
  release(): void
}

/** A lease whose first release runs `giveBack`. */
export function createLease(giveBack: () => void): Lease {
  let held = true
  return {
    release() {
      if (!held) return
      held = false
      giveBack()
    },
  }
}
