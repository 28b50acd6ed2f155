/** What clients are told of a server that may say something else of itself now, with a source that the test answers for. */
import { expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { createMemoryBudget } from '../base/memory-budget.ts'
import type { Caller } from '../protocol/call.ts'
import { type RawObject, rawObject } from '../protocol/json-text.ts'
import { type CatalogSource, NoRoom } from '../upstreams/upstream.ts'
import { createDescriptions } from './descriptions.ts'
import { createKeptSources } from './kept-sources.ts'

const client = { era: 'legacy', version: '2025-11-25', capabilities: {}, info: undefined } as const
const caller: Caller = { principal: { tenant: '', subject: '' }, client, session: 'a' }
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function createFixture() {
  const clock = manualClock()
  const stale: Array<Parameters<CatalogSource['onStale']>[0]> = []
  const asked: boolean[] = []
  const fixture = {
    answer: (): Promise<RawObject> => Promise.resolve(rawObject({ serverInfo: { version: '1' } })),
  }
  const catalogSource = {
    sourceOf: () => 'plain',
    isWithoutExtensions: () => true,
    isEmptyProfile: () => true,
    startDescription: () => rawObject({ serverInfo: { version: 'start' } }),
    serverDescription(_caller: Caller, _source: string, mayWait: boolean) {
      asked.push(mayWait)
      return fixture.answer()
    },
    onStale: (tell: (typeof stale)[number]) => void stale.push(tell),
  }
  const sources = createKeptSources({ catalogSource, memory: createMemoryBudget(1024 ** 2) })
  const descriptions = createDescriptions(catalogSource, sources, clock)
  const change = (): void => {
    for (const tell of stale) tell('plain', undefined, true)
  }
  const version = async (): Promise<unknown> => (await descriptions.of(caller)).value['serverInfo']
  return { clock, fixture, asked, descriptions, change, version }
}

test('it is asked once, and again when the server may say something else', async () => {
  const { fixture, asked, change, version, descriptions } = createFixture()
  expect([await version(), await version()]).toEqual([{ version: '1' }, { version: '1' }])
  expect(asked).toEqual([true])
  fixture.answer = () => Promise.resolve(rawObject({ serverInfo: { version: '2' } }))
  expect(await version()).toEqual({ version: '1' })
  change()
  expect(await version()).toEqual({ version: '2' })
  expect(descriptions.atHand(caller).value['serverInfo']).toEqual({ version: '2' })
  expect(asked, 'no client waits for a slot where one is at hand').toEqual([true, false])
})

test('the older one is told where there is no newer one, or not soon', async () => {
  const { clock, fixture, change, version, descriptions } = createFixture()
  await version()
  change()
  fixture.answer = () => Promise.reject(new NoRoom())
  expect(await version()).toEqual({ version: '1' })
  let answer = (_text: RawObject): void => {}
  fixture.answer = () => new Promise((resolve) => (answer = resolve))
  const slow = version()
  await settled()
  clock.advance(1000)
  expect(await slow).toEqual({ version: '1' })
  answer(rawObject({ serverInfo: { version: '2' } }))
  await settled()
  expect(descriptions.atHand(caller).value['serverInfo']).toEqual({ version: '2' })
})

test('what was asked before a change does not count as newer', async () => {
  const { fixture, change, version } = createFixture()
  let answer = (_text: RawObject): void => {}
  fixture.answer = () => new Promise((resolve) => (answer = resolve))
  const first = version()
  await settled()
  change()
  answer(rawObject({ serverInfo: { version: '1' } }))
  expect(await first).toEqual({ version: '1' })
  fixture.answer = () => Promise.resolve(rawObject({ serverInfo: { version: '2' } }))
  expect(await version()).toEqual({ version: '2' })
})
