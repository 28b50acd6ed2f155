/**
 * Cancellation of a call: a signal without the price of an `EventTarget`.
 *
 * One is made for every call, so it costs one small object and no listener list until somebody listens
 * (docs/decisions/0006 has the measurement against `AbortSignal`). It fires once; who comes late is told at once.
 */
export class Cancel {
  #listeners: Array<() => void> | undefined
  #reason: string | undefined

  /** Why it was cancelled; undefined while it was not. */
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
    // Each is taken out before it is called: one that stops listening meanwhile must not make another be passed over.
    for (let next = listeners?.shift(); next; next = listeners?.shift()) next()
  }

  /** Calls `listener` when the signal fires, at once if it has. Returns how to stop listening. */
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
