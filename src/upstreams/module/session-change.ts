/** A change of the state of a session that waits for its turn. */
import { AsyncResource } from 'node:async_hooks'
import type { StateDraft } from './state-draft.ts'

export class SessionChange {
  /** What the new value takes while it waits, in bytes. */
  readonly bytes: number
  /** Called once when the change is settled, before its promise is. */
  onSettled = (): void => {}
  readonly #run: (draft: StateDraft) => void
  readonly #isOver: () => boolean
  readonly #settle: { resolve(): void; reject(error: unknown): void }
  #isSettled = false
  /** What the change runs in: code of the module finds its own call in it, not that of another change. */
  readonly #scope = new AsyncResource('mcplex.session-change')

  /**
   * @param run makes the change; throws, and changes nothing, if it cannot. It may run several times
   * @param isOver whether the server object that wants it has ended
   */
  constructor(parts: {
    readonly bytes: number
    readonly run: (draft: StateDraft) => void
    readonly isOver: () => boolean
    readonly resolve: () => void
    readonly reject: (error: unknown) => void
  }) {
    const { bytes, run, isOver, resolve, reject } = parts
    this.bytes = bytes
    this.#run = run
    this.#isOver = isOver
    this.#settle = { resolve, reject }
  }

  /** Makes the change; returns false if it cannot be made, and is rejected. Never throws. */
  apply(draft: StateDraft): boolean {
    try {
      if (this.#isOver()) throw objectEnded()
      this.#scope.runInAsyncScope(this.#run, undefined, draft)
      return true
    } catch (error) {
      this.reject(error)
      return false
    }
  }

  resolve(): void {
    if (this.#end()) this.#settle.resolve()
  }

  reject(error: unknown): void {
    if (this.#end()) this.#settle.reject(error)
  }

  #end(): boolean {
    if (this.#isSettled) return false
    this.#isSettled = true
    this.onSettled()
    return true
  }
}

export function objectEnded(): Error {
  return new Error('session: the server object of this handler has ended')
}
