/**
 * The backplane in memory: for a single instance, for tests, and the reference meaning of the five ports.
 *
 * Every method has done its work when it returns; its promise is resolved already. Expiry is exact (each method
 * looks at the clock), and one timer for everything sweeps what nobody asks for any more. Nothing is copied:
 * records and messages are frozen and handed out as they are. It ends with the process.
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

/** @param options.memory where it counts the events that it keeps; without it, it keeps all that the bounds of journals allow */
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
