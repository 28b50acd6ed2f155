/** The fixture of the contract tests. */
import type { Backplane } from '../../backplane/backplane.ts'

/** Two instances on one store, and its clock. */
export interface ContractFixture {
  readonly a: Backplane
  readonly b: Backplane
  readonly tickMs: number
  /** Lets a number of ticks pass. */
  pass(ticks: number): Promise<void>
}

/** Defines one test: the promise as a sentence, and the steps that check it. */
export type ContractTest = (sentence: string, run: (fixture: ContractFixture) => Promise<void>) => void
