/**
 * The contract of the five ports as a test suite. Every implementation runs it, the ones of embedders too:
 *
 *   backplaneContract({ describe, it, tickMs: 1000, make: () => ... })
 *
 * The runner is handed in, so it runs wherever there are a `describe` and an `it`. It talks to the store as several
 * instances do, and asks nothing that a store across a network could not promise: work that is done on return, say,
 * is tested beside the memory version.
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
  /** A backplane on this store, as one more instance would have it. */
  connect(): Backplane | Promise<Backplane>
  /** Lets the store's clock go on by so much, by moving it or by waiting. */
  advance(ms: number): void | Promise<void>
  /** Ends what `connect` began. */
  close(): void | Promise<void>
}

export interface BackplaneContract {
  describe(name: string, define: () => void): unknown
  it(name: string, run: () => Promise<void>): unknown
  make(): StoreUnderTest | Promise<StoreUnderTest>
  /** The unit of all times here, in milliseconds: well above a round trip to the store, short where `advance` waits. */
  readonly tickMs: number
}

export function backplaneContract(contract: BackplaneContract): void {
  const { describe, it, make, tickMs } = contract
  const contractTest: ContractTest = (sentence, show) =>
    void it(sentence, async () => {
      const store = await make()
      try {
        const pass = async (ticks: number): Promise<void> => store.advance(ticks * tickMs)
        await show({ a: await store.connect(), b: await store.connect(), tickMs, pass })
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
