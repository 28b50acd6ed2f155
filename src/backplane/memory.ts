/**
 * The backplane in memory: for a single instance and for tests, and the reference implementation of the five ports.
 *
 * Every method has done its work when it returns, so its promise is already resolved. Expiry is exact, because each method
 * looks at the clock; a single timer frees entries that are not read any more. Nothing is copied: records and messages are
 * frozen and returned as they are. The data ends with the process.
 */
import type { Clock } from '../base/clock.ts'
import { createMemoryBudget, type MemoryBudget } from '../base/memory-budget.ts'
import type { Backplane } from './backplane.ts'
import { createJournals } from './memory/journals.ts'
import { createLimits } from './memory/limits.ts'
import { createMailboxes } from './memory/mailboxes.ts'
import { createRecords } from './memory/records.ts'
import { createSlots } from './memory/slots.ts'
import { createStore } from './memory/store.ts'

/** @param options.memory counts the events that are kept; without it only the bounds of each journal apply */
export function createMemoryBackplane(options: { readonly clock: Clock; readonly memory?: MemoryBudget }): Backplane {
  const { clock, memory = createMemoryBudget(Infinity) } = options
  const store = createStore(clock)
  return {
    records: createRecords(store),
    slots: createSlots(store),
    limits: createLimits(store),
    journals: createJournals(store, memory),
    mailboxes: createMailboxes(store),
    async close() {
      store.close()
    },
  }
}
