/** The changes of session states that the handlers of one server object want. They end with the object. */
import type { CallerFacts } from './object-host.ts'
import { objectEnded, SessionChange } from './session-change.ts'
import type { StateChanges } from './state-changes.ts'
import type { StateDraft } from './state-draft.ts'

export class ObjectChanges {
  readonly #changes: StateChanges
  #waiting = 0
  #isOver = false
  #settled = (): void => {}

  constructor(changes: StateChanges) {
    this.#changes = changes
  }

  /**
   * Makes a change when those before it are made; resolves with the result of `run` when it is stored.
   * @param bytes what the change holds while it waits
   * @param run makes the change; what it throws rejects this change alone. It may run several times
   */
  async make<Result>(facts: CallerFacts, bytes: number, run: (draft: StateDraft) => Result): Promise<Result> {
    if (this.#isOver) throw objectEnded()
    this.#waiting++
    try {
      return await new Promise<Result>((resolve, reject) => {
        let result: Result
        const change = new SessionChange({
          bytes,
          run: (draft) => void (result = run(draft)),
          isOver: () => this.#isOver,
          resolve: () => resolve(result),
          reject,
        })
        this.#changes.add(facts, change)
      })
    } finally {
      if (--this.#waiting === 0) this.#settled()
    }
  }

  get isIdle(): boolean {
    return this.#waiting === 0
  }

  /** Resolves when no change waits. */
  idle(): Promise<void> {
    if (this.isIdle) return Promise.resolve()
    return new Promise((resolve) => (this.#settled = resolve))
  }

  /** The object has ended: changes that wait are rejected at their turn, and later ones at once. */
  end(): void {
    this.#isOver = true
  }
}
