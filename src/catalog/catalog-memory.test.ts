/** Tests that the catalogue counts its entries in the memory budget and forgets some to stay within it. */
import { expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { createEvents } from '../base/events.ts'
import { silentLog } from '../base/log.ts'
import { createMemoryBudget, type MemoryBudget } from '../base/memory-budget.ts'
import type { Caller } from '../protocol/call.ts'
import { rawObject } from '../protocol/json-text.ts'
import type { CatalogSource } from '../upstreams/upstream.ts'
import { type Catalog, createCatalog } from './catalog.ts'

const listAgeMs = 300_000

/** No client has a worker of its own, and none a name. */
const withoutOwnLists = {
  commonSourceOf: (): string => '',
  withoutName: (source: string): string => source,
  follows: (source: string, changed: string): boolean => source === changed,
  announce(): void {},
  announceToAll(): void {},
  ownLists: { due: (): undefined => undefined, onFirstCall(): void {} },
}

const serverDescription = rawObject({ capabilities: { tools: { listChanged: true } } })

interface Opened {
  readonly catalog: Catalog
  readonly budget: MemoryBudget
  /** The requests that the server got. */
  readonly asked: string[]
  readonly stale: Parameters<CatalogSource['onStale']>[0]
}

/**
 * A catalogue of a server with lists of so many bytes, in a budget of which it may take a quarter.
 * @param isSame whether the server lists the same to all clients
 */
function open(limitBytes: number, listBytes: number, isSame = false): Opened {
  const asked: string[] = []
  let stale: Opened['stale'] = () => {}
  const catalogSource: CatalogSource = {
    sourceOf(of) {
      const profile = of.client.capabilities['profile']
      return typeof profile === 'string' ? profile : 'plain'
    },
    eraOf: () => 'legacy',
    isForAll: () => false,
    isWithoutExtensions: (source) => !source.startsWith('odd'),
    isEmptyProfile: (source) => source === 'plain',
    startDescription: () => serverDescription,
    own: () => Promise.reject(new Error('not asked for')),
    async serverDescription(_, source) {
      asked.push(`hello ${source}`)
      return serverDescription
    },
    async list(_, source) {
      asked.push(`list ${source}`)
      return {
        kind: 'result',
        result: rawObject({ tools: [{ name: `${isSame ? '' : source}${'x'.repeat(listBytes / 2)}` }] }),
      }
    },
    onStale: (told) => (stale = told),
    ...withoutOwnLists,
  }
  const budget = createMemoryBudget(limitBytes)
  const catalog = createCatalog({
    catalogSource,
    memory: budget,
    listAgeMs,
    onChange: 'allow',
    boundArgs: undefined,
    events: createEvents(),
    clock: manualClock(),
    log: silentLog,
  })
  return { catalog, budget, asked, stale: (...what) => stale(...what) }
}

function caller(profile?: string): Caller {
  const capabilities = profile === undefined ? {} : { profile }
  const client = { era: 'legacy' as const, version: '2025-11-25', capabilities, info: undefined }
  return { principal: { tenant: 't', subject: 's' }, client, session: undefined }
}

test('lists count in the budget, and a stale list is freed', async () => {
  const { catalog, budget, stale } = open(1_000_000, 50_000)
  await catalog.serverDescription(caller())
  const before = budget.heldBytes
  expect(before).toBeGreaterThan(0)
  await catalog.page(caller(), 'tools/list', undefined)
  expect(budget.heldBytes - before).toBeGreaterThan(50_000)
  stale('plain', 'tools/list', false)
  expect(budget.heldBytes).toBe(before)
})

test('lists of profiles with extensions are forgotten, the oldest first, and those without stay', async () => {
  const { catalog, budget, asked } = open(1_000_000, 80_000)
  const profiles = [undefined, 'a', 'b', 'c', 'd']
  for (const profile of profiles) await catalog.page(caller(profile), 'tools/list', undefined)
  expect(budget.heldBytes).toBeLessThanOrEqual(250_000)
  expect(budget.heldBytes).toBeGreaterThan(2 * 80_000)
  asked.length = 0
  await catalog.page(caller(), 'tools/list', undefined)
  await catalog.page(caller('d'), 'tools/list', undefined)
  expect(asked).toEqual([])
  await catalog.page(caller('a'), 'tools/list', undefined)
  expect(asked).toEqual(['hello a', 'list a'])
})

test('a list larger than the catalogue may be is refused each time and takes no memory', async () => {
  const { catalog, budget } = open(1_000_000, 300_000)
  for (let time = 0; time < 3; time++) {
    await expect(catalog.page(caller(), 'tools/list', undefined)).rejects.toMatchObject({ code: 'overloaded' })
  }
  expect(budget.heldBytes).toBeLessThan(2000)
})

test('however many clients with extensions there are, the lists of clients without stay', async () => {
  const { catalog, budget, asked } = open(1_000_000, 70_000)
  await catalog.page(caller('a'), 'tools/list', undefined)
  for (let index = 0; index < 30; index++) await catalog.page(caller(`odd ${index}`), 'tools/list', undefined)
  expect(budget.heldBytes).toBeLessThanOrEqual(250_000)
  asked.length = 0
  await catalog.page(caller('a'), 'tools/list', undefined)
  expect(asked).toEqual([])
})

test('lists of the same content count once, until the last of them is forgotten', async () => {
  const { catalog, budget, stale } = open(1_000_000, 50_000, true)
  const profiles = [undefined, 'a', 'b', 'c', 'd', 'e', 'f']
  for (const profile of profiles) await catalog.page(caller(profile), 'tools/list', undefined)
  expect(budget.heldBytes).toBeLessThan(2 * 55_000)
  for (const profile of profiles.slice(1)) stale(profile ?? '', 'tools/list', false)
  expect(budget.heldBytes).toBeGreaterThan(50_000)
  stale('plain', 'tools/list', false)
  expect(budget.heldBytes).toBeLessThan(10_000)
})

test('a list that changes repeatedly counts once, even if there is no room for two', async () => {
  const { catalog, budget, asked, stale } = open(1_000_000, 150_000)
  for (let time = 1; time <= 5; time++) {
    await catalog.page(caller(), 'tools/list', undefined)
    expect(asked.filter((one) => one === 'list plain')).toHaveLength(time)
    expect(budget.heldBytes).toBeGreaterThan(150_000)
    expect(budget.heldBytes).toBeLessThan(200_000)
    stale('plain', 'tools/list', true)
  }
})
