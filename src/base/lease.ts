/** A lease: something held that is given back exactly once, however often its holder says so. */
export interface Lease {
  /** Gives it back. Harmless when called again. */
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
