/** Where a promise of the backplane is shown. */
import type { Backplane } from '../../backplane/backplane.ts'

/** Two instances on one store, and the passing of time. */
export interface ContractFixture {
  readonly a: Backplane
  readonly b: Backplane
  readonly tickMs: number
  /** Lets a number of ticks pass. */
  pass(ticks: number): Promise<void>
}

/** States one promise: a sentence, and the scene that shows it. */
export type ContractTest = (sentence: string, show: (scene: ContractFixture) => Promise<void>) => void
