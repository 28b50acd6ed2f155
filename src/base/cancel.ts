/**
 * Cancellation of a call: a signal without the price of an `EventTarget`.
 *
 * One is made for every call, so it costs one small object, and a list of listeners only once there is a listener
 * (docs/decisions/0006 has the measurement against `AbortSignal`). It fires once; a listener added later is called at once.
 */
export class Cancel {
  #listeners: Array<() => void> | undefined
  #reason: string | undefined

  /** Why the call was cancelled; undefined as long as it was not. */
  get reason(): string | undefined {
    return this.#reason
  }

  get cancelled(): boolean {
    return this.#reason !== undefined
  }

  /** Fires the signal. Later calls change nothing. */
  cancel(reason: string): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    const listeners = this.#listeners
    this.#listeners = undefined
    // Each listener is removed before it is called, so that no listener is skipped when one removes another meanwhile.
    for (let next = listeners?.shift(); next; next = listeners?.shift()) next()
  }

  /** Calls `listener` when the signal fires, or at once if it already has. Returns a function that removes the listener. */
  onCancel(listener: () => void): () => void {
    if (this.#reason !== undefined) {
      listener()
      return () => {}
    }
    const listeners = (this.#listeners ??= [])
    listeners.push(listener)
    return () => {
      const at = listeners.indexOf(listener)
      if (at >= 0) listeners.splice(at, 1)
    }
  }
}
