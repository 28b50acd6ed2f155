/** Tests the catalogue with a source that refuses, changes, or answers late. */
import { expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { createMemoryBudget } from '../base/memory-budget.ts'
import { Refusal } from '../base/refusal.ts'
import type { Caller } from '../protocol/call.ts'
import { rawObject } from '../protocol/json-text.ts'
import { type CatalogSource, NoRoom } from '../upstreams/upstream.ts'
import { type Catalog, createCatalog } from './catalog.ts'

const serverDescription = rawObject({ capabilities: { tools: { listChanged: true }, resources: {} } })

/** A client with the profile of that name; profiles that begin with `odd` are not usual. */
const callerOf = (profile: string): Caller => ({
  principal: { tenant: '', subject: '' },
  client: { era: 'legacy', version: '2025-11-25', capabilities: { profile }, info: undefined },
  session: profile,
})

interface Scene {
  readonly catalog: Catalog
  /** The sources that were asked for a list, in order. */
  readonly asked: string[]
  /** What each source lists; its own name by default. */
  readonly listed: Map<string, string>
  stale: Parameters<CatalogSource['onStale']>[0]
  hasRoom: boolean
  /** Runs after the server has answered with a list, before the answer arrives. */
  whileAsked(): void
  /** The first tool that a client gets, or the code of the refusal. */
  tool(profile: string): Promise<unknown>
  resource(profile: string): Promise<unknown>
  pass(ms: number): void
}

function createScene(): Scene {
  const clock = manualClock()
  const listed = new Map<string, string>()
  const asked: string[] = []
  const first = async (profile: string, method: string): Promise<unknown> => {
    try {
      const page = await scene.catalog.page(callerOf(profile), method, undefined)
      if ('error' in page) return 'error'
      const items = page.result.value[method === 'tools/list' ? 'tools' : 'resources']
      return (items as ReadonlyArray<{ readonly name: string }>)[0]?.name
    } catch (error) {
      return error instanceof Refusal ? error.code : error
    }
  }
  const catalogSource: CatalogSource = {
    sourceOf: ({ session }) => session ?? '',
    isUsual: (source) => !source.startsWith('odd') && !source.startsWith('own'),
    isPlain: (source) => source === 'plain',
    eraOf: () => 'legacy',
    serverDescription: () => Promise.resolve(serverDescription),
    plainDescription: () => serverDescription,
    async list(_, source, method) {
      await Promise.resolve()
      if (!scene.hasRoom && !source.startsWith('own')) throw new NoRoom()
      asked.push(source)
      const items = [{ name: listed.get(source) ?? source }]
      scene.whileAsked()
      return { kind: 'result', result: rawObject(method === 'tools/list' ? { tools: items } : { resources: items }) }
    },
    own: (caller) => Promise.resolve(`own ${caller.session}`),
    onStale: (stale) => (scene.stale = stale),
  }
  const scene: Scene = {
    catalog: undefined as never,
    asked,
    listed,
    stale() {},
    hasRoom: true,
    whileAsked() {},
    tool: (profile) => first(profile, 'tools/list'),
    resource: (profile) => first(profile, 'resources/list'),
    pass: (ms) => clock.advance(ms),
  }
  const memory = createMemoryBudget(2 ** 30)
  return Object.assign(scene, { catalog: createCatalog({ catalogSource, memory, clock, log: silentLog }) })
}

test('lists of usual clients are kept, however many others there are', async () => {
  const scene = createScene()
  expect(await scene.tool('usual')).toBe('usual')
  for (let index = 0; index < 2000; index++) await scene.tool(`odd ${index}`)
  expect(await scene.tool('usual')).toBe('usual')
  expect(scene.asked.filter((source) => source === 'usual')).toHaveLength(1)
  expect(await scene.tool('odd 1999')).toBe('odd 1999')
  expect(
    scene.asked.filter((source) => source === 'odd 1999'),
    'of those the last ones',
  ).toHaveLength(1)
  await scene.tool('odd 0')
  expect(scene.asked.filter((source) => source === 'odd 0')).toHaveLength(2)
})

test('a list that may have changed is fetched again if a worker is free, and otherwise stays as it was', async () => {
  const scene = createScene()
  await scene.tool('usual')
  scene.listed.set('usual', 'new')
  scene.stale('usual', 'tools/list', true)
  scene.hasRoom = false
  expect(await scene.tool('usual')).toBe('usual')
  scene.hasRoom = true
  expect(await Promise.all([scene.tool('usual'), scene.tool('usual')])).toEqual(['new', 'new'])
  expect(await scene.tool('usual')).toBe('new')
  expect(scene.asked, 'one request for all callers at once').toEqual(['usual', 'usual'])
})

test('a list of a server that does not announce changes is fetched again after a while', async () => {
  const scene = createScene()
  await scene.resource('usual')
  scene.listed.set('usual', 'new')
  expect(await scene.resource('usual')).toBe('usual')
  scene.pass(5001)
  scene.hasRoom = false
  expect(await scene.resource('usual')).toBe('usual')
  scene.hasRoom = true
  expect(await scene.resource('usual')).toBe('new')
})

test('a change that is reported while the list is being fetched again is not lost', async () => {
  const scene = createScene()
  await scene.tool('usual')
  scene.stale('usual', 'tools/list', true)
  scene.whileAsked = () => {
    scene.listed.set('usual', 'newer')
    scene.stale('usual', 'tools/list', true)
  }
  expect(await scene.tool('usual')).toBe('usual')
  scene.whileAsked = () => {}
  expect(await scene.tool('usual')).toBe('newer')
})

test('a list that was never learnt comes from the client’s own worker, for that client alone, until a worker is free', async () => {
  const scene = createScene()
  scene.hasRoom = false
  expect(await Promise.all(['a', 'a', 'b'].map((profile) => scene.tool(profile)))).toEqual(['own a', 'own a', 'own b'])
  scene.hasRoom = true
  expect(await scene.tool('a')).toBe('a')
})

test('a list from a client’s own worker is not kept for other clients', async () => {
  const scene = createScene()
  scene.hasRoom = false
  await scene.tool('a')
  scene.listed.set('own a', 'another process')
  expect(await scene.tool('a')).toBe('own a')
  scene.stale('own a', 'tools/list', false)
  expect(await scene.tool('a')).toBe('another process')
})

test('lists of the same content are kept once', async () => {
  const scene = createScene()
  for (const profile of ['a', 'b', 'c']) scene.listed.set(profile, profile === 'c' ? 'other' : 'same')
  const pages = await Promise.all(
    ['a', 'b', 'c'].map((profile) => scene.catalog.page(callerOf(profile), 'tools/list', undefined)),
  )
  await scene.tool('a')
  const texts = await Promise.all(
    ['a', 'b', 'c'].map((profile) => scene.catalog.page(callerOf(profile), 'tools/list', undefined)),
  )
  expect(pages).toHaveLength(3)
  expect(texts[0] === texts[1]).toBe(true)
  expect(texts[0] === texts[2]).toBe(false)
})
