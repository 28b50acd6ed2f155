import { expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { createMemoryBudget, type MemoryBudget } from '../base/memory-budget.ts'
import type { Seat } from '../protocol/call.ts'
import { rawObject } from '../protocol/json-text.ts'
import type { Learning } from '../upstreams/upstream.ts'
import { type Catalog, createCatalog } from './catalog.ts'

interface Opened {
  readonly catalog: Catalog
  readonly budget: MemoryBudget
  /** What was asked of the server. */
  readonly asked: string[]
  readonly stale: (source: string, list: string) => void
}

/** A catalogue of a server whose lists are of so many bytes, in a budget of which it may take a quarter. */
function open(limitBytes: number, listBytes: number): Opened {
  const asked: string[] = []
  let stale: Opened['stale'] = () => {}
  const learning: Learning = {
    sourceOf(of) {
      const profile = of.speaker.capabilities['profile']
      return typeof profile === 'string' ? profile : 'plain'
    },
    eraOf: () => 'legacy',
    isPlain: (source) => source === 'plain',
    async hello(_, source) {
      asked.push(`hello ${source}`)
      return rawObject({ capabilities: { tools: { listChanged: true } } })
    },
    async list(_, source) {
      asked.push(`list ${source}`)
      return { kind: 'result', result: rawObject({ tools: [{ name: 'x'.repeat(listBytes / 2) }] }) }
    },
    onStale: (told) => (stale = told),
  }
  const budget = createMemoryBudget(limitBytes)
  const catalog = createCatalog({ learning, memory: budget, clock: manualClock(), log: silentLog })
  return { catalog, budget, asked, stale: (...what) => stale(...what) }
}

function seat(profile?: string): Seat {
  const capabilities = profile === undefined ? {} : { profile }
  const speaker = { era: 'legacy' as const, version: '2025-11-25', capabilities, info: undefined }
  return { principal: { tenant: 't', subject: 's' }, speaker, session: undefined }
}

test('what a server lists counts, and nothing is left of a list that is stale', async () => {
  const { catalog, budget, stale } = open(1_000_000, 50_000)
  await catalog.hello(seat())
  const before = budget.heldBytes
  expect(before).toBeGreaterThan(0)
  await catalog.page(seat(), 'tools/list', undefined)
  expect(budget.heldBytes - before).toBeGreaterThan(50_000)
  stale('plain', 'tools/list')
  expect(budget.heldBytes).toBe(before)
})

test('the lists of other profiles give way, the oldest first, and those of most clients stay', async () => {
  const { catalog, budget, asked } = open(1_000_000, 80_000)
  const profiles = [undefined, 'a', 'b', 'c', 'd']
  for (const profile of profiles) await catalog.page(seat(profile), 'tools/list', undefined)
  expect(budget.heldBytes).toBeLessThanOrEqual(250_000)
  expect(budget.heldBytes).toBeGreaterThan(2 * 80_000)
  asked.length = 0
  await catalog.page(seat(), 'tools/list', undefined)
  await catalog.page(seat('d'), 'tools/list', undefined)
  expect(asked).toEqual([])
  await catalog.page(seat('a'), 'tools/list', undefined)
  expect(asked).toEqual(['hello a', 'list a'])
})

test('a list that is larger than all that may be kept is refused, time and again, and takes no memory', async () => {
  const { catalog, budget } = open(1_000_000, 300_000)
  for (let time = 0; time < 3; time++) {
    await expect(catalog.page(seat(), 'tools/list', undefined)).rejects.toMatchObject({ code: 'overloaded' })
  }
  expect(budget.heldBytes).toBeLessThan(2000)
})
