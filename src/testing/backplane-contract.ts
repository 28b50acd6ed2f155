/**
 * The contract of the five backplane ports as a test suite. Every implementation runs it, also those of embedders:
 *
 *   backplaneContract({ describe, it, tickMs: 1000, make: () => ... })
 *
 * It runs in any test runner that has `describe` and `it`. It uses the store as several instances do, and asks only for
 * what a store across a network can promise. Stronger promises of the memory version, for example that work is done on
 * return, are tested beside it.
 */
import type { Backplane } from '../backplane/backplane.ts'
import { closingContract } from './contract/closing.ts'
import { journalOwnersContract } from './contract/journal-owners.ts'
import { journalsContract } from './contract/journals.ts'
import { limitsContract } from './contract/limits.ts'
import { mailboxesContract } from './contract/mailboxes.ts'
import { recordsContract } from './contract/records.ts'
import type { ContractTest } from './contract/fixture.ts'
import { slotsContract } from './contract/slots.ts'

/** An empty store, made for one test. */
export interface StoreUnderTest {
  /** A new backplane on this store, as for one more instance. */
  connect(): Backplane | Promise<Backplane>
  /** Advances the store's clock by `ms` milliseconds, by setting it or by waiting. */
  advance(ms: number): void | Promise<void>
  /** Closes the store and all its backplanes. */
  close(): void | Promise<void>
}

export interface BackplaneContract {
  describe(name: string, define: () => void): unknown
  it(name: string, run: () => Promise<void>): unknown
  make(): StoreUnderTest | Promise<StoreUnderTest>
  /**
   * The unit of all times in the tests, in milliseconds: well above a round trip to the store, but short if `advance`
   * waits.
   */
  readonly tickMs: number
}

/** Defines the tests of the contract in the given test runner. */
export function backplaneContract(contract: BackplaneContract): void {
  const { describe, it, make, tickMs } = contract
  const contractTest: ContractTest = (sentence, run) =>
    void it(sentence, async () => {
      const store = await make()
      try {
        const pass = async (ticks: number): Promise<void> => store.advance(ticks * tickMs)
        await run({ a: await store.connect(), b: await store.connect(), tickMs, pass })
      } finally {
        await store.close()
      }
    })
  describe('records', () => recordsContract(contractTest))
  describe('slots', () => slotsContract(contractTest))
  describe('limits', () => limitsContract(contractTest))
  describe('journals', () => journalsContract(contractTest))
  describe('journals of an owner', () => journalOwnersContract(contractTest))
  describe('mailboxes', () => mailboxesContract(contractTest))
  describe('a closed backplane', () => closingContract(contractTest))
}
