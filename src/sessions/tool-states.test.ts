import { expect, test } from 'vitest'
import { createMemoryBackplane } from '../backplane/memory.ts'
import { manualClock } from '../base/clock.ts'
import type { JsonObject } from '../base/json.ts'
import { createMemoryBudget, type MemoryAccount } from '../base/memory-budget.ts'
import { createToolStates, type StateHolder } from './tool-states.ts'

const ada = { tenant: 't', subject: 'ada' }

function start(): {
  states: ReturnType<typeof createToolStates>
  live: { key: string; memory: MemoryAccount; ended: boolean; stateAreas: Map<string, number> | undefined }
  records: ReturnType<typeof createMemoryBackplane>['records']
} {
  const clock = manualClock()
  const memory = createMemoryBudget(64 * 1024 ** 2)
  const { records } = createMemoryBackplane({ clock, memory })
  const live = { key: 'session/t/ada/s', memory: memory.account(), ended: false, stateAreas: undefined }
  const served = (_principal: unknown, id: string): StateHolder | undefined =>
    id === 's' && !live.ended ? live : undefined
  return { states: createToolStates({ records, served, stateBytes: 1000, maxSessionMs: 60_000 }), live, records }
}

test('a state is changed only if nobody has changed it since, and counts as memory of its session', async () => {
  const { states, live } = start()
  expect(await states.read(ada, 's', 'a')).toEqual({ values: {}, version: 0, maxBytes: 1000 })
  expect(await states.replace(ada, 's', 'a', { n: 1 }, 0)).toBe('stored')
  expect(await states.replace(ada, 's', 'a', { n: 2 }, 0)).toBe('conflict')
  const { values, version } = await states.read(ada, 's', 'a')
  expect(values).toEqual({ n: 1 })
  expect(await states.replace(ada, 's', 'a', { n: 'three' }, version)).toBe('stored')
  expect(live.memory.heldBytes).toBe('{"n":"three"}'.length)
  expect((await states.read(ada, 's', 'b')).values).toEqual({})
  await expect(states.replace(ada, 's', 'a', { n: 'x'.repeat(1000) }, version + 1)).rejects.toThrow(/1000 are allowed/)
  expect(live.memory.heldBytes).toBe('{"n":"three"}'.length)
})

test('a session that has ended has no state, also if it ends during a change', async () => {
  const { states, live, records } = start()
  await states.replace(ada, 's', 'a', { n: 1 }, 0)
  const changing = states.replace(ada, 's', 'b', { n: 1 }, 0)
  live.ended = true
  await expect(changing).rejects.toMatchObject({ code: 'session_not_found' })
  expect(await records.read('session/t/ada/s/state/b')).toBe(undefined)
  await expect(states.read(ada, 's', 'a')).rejects.toMatchObject({ code: 'session_not_found' })
  await states.end(live)
  expect(await records.read('session/t/ada/s/state/a')).toBe(undefined)
})

test('fifty that change a state at once lose no change, and no memory', async () => {
  const { states, live } = start()
  const allIn = ({ all }: JsonObject): string => (typeof all === 'string' ? all : '')
  const add = async (name: string): Promise<void> => {
    for (;;) {
      const { values, version } = await states.read(ada, 's', 'a')
      const all = allIn(values)
      // Longer and shorter, turn by turn.
      const filler = all.length % 3 === 0 ? 'x'.repeat(500) : ''
      if ((await states.replace(ada, 's', 'a', { all: all + name, filler }, version)) === 'stored') return
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const names = Array.from({ length: 50 }, (_, index) => String.fromCharCode(0x30 + index))
  await Promise.all(names.map(add))
  const { values } = await states.read(ada, 's', 'a')
  expect(Array.from(allIn(values)).sort()).toEqual([...names].sort())
  expect(live.memory.heldBytes).toBe(JSON.stringify(values).length)
})

test('a change that the store refuses takes no memory', async () => {
  const { live, records } = start()
  const create = (): Promise<never> => Promise.reject(new Error('the store is gone'))
  const states = createToolStates({
    records: { ...records, create },
    served: () => live,
    stateBytes: 1000,
    maxSessionMs: 60_000,
  })
  await expect(states.replace(ada, 's', 'a', { n: 1 }, 0)).rejects.toThrow('the store is gone')
  expect(live.memory.heldBytes).toBe(0)
})
