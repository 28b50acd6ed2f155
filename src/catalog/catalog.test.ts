/** Tests the catalogue with a source that refuses, changes, or answers late. */
import { expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { createEvents } from '../base/events.ts'
import { silentLog } from '../base/log.ts'
import { createMemoryBudget } from '../base/memory-budget.ts'
import { Refusal } from '../base/refusal.ts'
import type { Caller } from '../protocol/call.ts'
import { rawObject } from '../protocol/json-text.ts'
import { type CatalogSource, NoRoom } from '../upstreams/upstream.ts'
import { type Catalog, createCatalog } from './catalog.ts'

const listAgeMs = 300_000
const serverDescription = rawObject({ capabilities: { tools: { listChanged: true }, resources: {} } })

/** A client with the profile of that name; profiles that begin with `odd` have extensions. */
const callerOf = (profile: string): Caller => ({
  principal: { tenant: '', subject: '' },
  client: { era: 'legacy', version: '2025-11-25', capabilities: { profile }, info: undefined },
  session: profile,
})

interface Fixture {
  readonly catalog: Catalog
  /** The sources that were asked for a list, in order. */
  readonly asked: string[]
  /** The announcements that clients were sent, in order. */
  readonly announced: string[]
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

function createFixture(): Fixture {
  const clock = manualClock()
  const listed = new Map<string, string>()
  const asked: string[] = []
  const announced: string[] = []
  const first = async (profile: string, method: string): Promise<unknown> => {
    try {
      const given = await fixture.catalog.page(callerOf(profile), method, undefined)
      if ('error' in given) return 'error'
      const items = given.page.result.value[method === 'tools/list' ? 'tools' : 'resources']
      return (items as ReadonlyArray<{ readonly name: string }>)[0]?.name
    } catch (error) {
      return error instanceof Refusal ? error.code : error
    }
  }
  const catalogSource: CatalogSource = {
    sourceOf: ({ session }) => session ?? '',
    isForAll: (source) => source === 'public',
    isWithoutExtensions: (source) => !source.startsWith('odd') && !source.startsWith('own'),
    isEmptyProfile: (source) => source === 'plain',
    eraOf: () => 'legacy',
    serverDescription: () => Promise.resolve(serverDescription),
    startDescription: () => serverDescription,
    async list(_, source, method) {
      await Promise.resolve()
      if (!fixture.hasRoom && !source.startsWith('own')) throw new NoRoom()
      asked.push(source)
      const items = [{ name: listed.get(source) ?? source }]
      fixture.whileAsked()
      return { kind: 'result', result: rawObject(method === 'tools/list' ? { tools: items } : { resources: items }) }
    },
    own: (caller) => Promise.resolve(`own ${caller.session}`),
    onStale: (stale) => (fixture.stale = stale),
    commonSourceOf: ({ session }) => session ?? '',
    withoutName: (source) => source.replace(/ named .*/, ''),
    follows: (source, changed) => source === changed,
    announceToAll: (list) => void announced.push(list),
    announce: (source, list) => void announced.push(`${list} of ${source}`),
    ownLists: {
      due: ({ session }) => (session === 'calls' ? { source: 'own calls', done() {} } : undefined),
      onFirstCall() {},
    },
  }
  const fixture: Fixture = {
    catalog: undefined as never,
    asked,
    announced,
    listed,
    stale() {},
    hasRoom: true,
    whileAsked() {},
    tool: (profile) => first(profile, 'tools/list'),
    resource: (profile) => first(profile, 'resources/list'),
    pass: (ms) => clock.advance(ms),
  }
  const memory = createMemoryBudget(2 ** 30)
  return Object.assign(fixture, {
    catalog: createCatalog({
      catalogSource,
      memory,
      listAgeMs,
      onChange: 'allow',
      boundArgs: undefined,
      events: createEvents(),
      clock,
      log: silentLog,
    }),
  })
}

test('lists of clients without extensions are kept, however many others there are', async () => {
  const fixture = createFixture()
  expect(await fixture.tool('sampling')).toBe('sampling')
  for (let index = 0; index < 2000; index++) await fixture.tool(`odd ${index}`)
  expect(await fixture.tool('sampling')).toBe('sampling')
  expect(fixture.asked.filter((source) => source === 'sampling')).toHaveLength(1)
  expect(await fixture.tool('odd 1999')).toBe('odd 1999')
  expect(
    fixture.asked.filter((source) => source === 'odd 1999'),
    'of those the last ones',
  ).toHaveLength(1)
  await fixture.tool('odd 0')
  expect(fixture.asked.filter((source) => source === 'odd 0')).toHaveLength(2)
})

test('a list that may have changed is fetched again if a worker is free, and otherwise stays as it was', async () => {
  const fixture = createFixture()
  await fixture.tool('sampling')
  fixture.listed.set('sampling', 'new')
  fixture.stale('sampling', 'tools/list', true)
  fixture.hasRoom = false
  expect(await fixture.tool('sampling')).toBe('sampling')
  fixture.hasRoom = true
  expect(await Promise.all([fixture.tool('sampling'), fixture.tool('sampling')])).toEqual(['new', 'new'])
  expect(await fixture.tool('sampling')).toBe('new')
  expect(fixture.asked, 'one request for all callers at once').toEqual(['sampling', 'sampling'])
})

test('a list of a server that does not announce changes is fetched again after a while', async () => {
  const fixture = createFixture()
  await fixture.resource('sampling')
  fixture.listed.set('sampling', 'new')
  expect(await fixture.resource('sampling')).toBe('sampling')
  fixture.pass(5001)
  fixture.hasRoom = false
  expect(await fixture.resource('sampling')).toBe('sampling')
  fixture.hasRoom = true
  expect(await fixture.resource('sampling')).toBe('new')
})

test('a change that is reported while the list is being fetched again is not lost', async () => {
  const fixture = createFixture()
  await fixture.tool('sampling')
  fixture.stale('sampling', 'tools/list', true)
  fixture.whileAsked = () => {
    fixture.listed.set('sampling', 'newer')
    fixture.stale('sampling', 'tools/list', true)
  }
  expect(await fixture.tool('sampling')).toBe('sampling')
  fixture.whileAsked = () => {}
  expect(await fixture.tool('sampling')).toBe('newer')
})

test('a list that was never learnt comes from the client’s own worker, for that client alone, until a worker is free', async () => {
  const fixture = createFixture()
  fixture.hasRoom = false
  expect(await Promise.all(['a', 'a', 'b'].map((profile) => fixture.tool(profile)))).toEqual([
    'own a',
    'own a',
    'own b',
  ])
  fixture.hasRoom = true
  expect(await fixture.tool('a')).toBe('a')
})

test('a list from a client’s own worker is not kept for other clients', async () => {
  const fixture = createFixture()
  fixture.hasRoom = false
  await fixture.tool('a')
  fixture.listed.set('own a', 'another process')
  expect(await fixture.tool('a')).toBe('own a')
  fixture.stale('own a', 'tools/list', false)
  expect(await fixture.tool('a')).toBe('another process')
})

test('lists of the same content are kept once, and each client gets the page that is kept, the first of a source too', async () => {
  const fixture = createFixture()
  for (const profile of ['a', 'b', 'c']) fixture.listed.set(profile, profile === 'c' ? 'other' : 'same')
  const pageOf = async (profile: string): Promise<unknown> => {
    const given = await fixture.catalog.page(callerOf(profile), 'tools/list', undefined)
    return 'page' in given ? given.page : undefined
  }
  const ofA = await pageOf('a')
  const [first, second, other] = [await pageOf('b'), await pageOf('b'), await pageOf('c')]
  expect(ofA).toBeDefined()
  expect([first, second].map((page) => page === ofA)).toEqual([true, true])
  expect(other === ofA).toBe(false)
  fixture.stale('b', 'tools/list', true)
  expect((await pageOf('b')) === ofA).toBe(true)
  const together = await Promise.all(
    ['b named ada', 'b named ada'].map((profile) => (fixture.listed.set(profile, 'same'), pageOf(profile))),
  )
  expect(together.map((page) => page === ofA)).toEqual([true, true])
})

test('a worker that is asked again and again, and lists the same, costs no page each time', async () => {
  const fixture = createFixture()
  const pageOf = async (profile: string): Promise<unknown> => {
    const given = await fixture.catalog.page(callerOf(profile), 'tools/list', undefined)
    return 'page' in given ? given.page : undefined
  }
  fixture.listed.set('own calls', 'of its own')
  const own = await pageOf('calls')
  for (let time = 0; time < 2; time++) expect((await pageOf('calls')) === own).toBe(true)
  fixture.listed.set('own calls', 'common').set('calls', 'common').set('a', 'common')
  await fixture.tool('a')
  const [ofAll, ofOwn] = [await pageOf('a'), await pageOf('calls')]
  expect(ofOwn === ofAll).toBe(true)
  expect(fixture.asked.filter((source) => source === 'own calls')).toHaveLength(4)
})

test('a list for all is for all, also if one session had the same before', async () => {
  const fixture = createFixture()
  fixture.listed.set('own calls', 'same').set('public', 'same')
  const isForAll = async (profile: string): Promise<unknown> => {
    const given = await fixture.catalog.page(callerOf(profile), 'tools/list', undefined)
    return 'page' in given ? given.page.isForAll : undefined
  }
  expect(await isForAll('calls')).toBe(false)
  expect(await isForAll('public')).toBe(true)
  expect(await isForAll('calls')).toBe(false)
})

test('a list past its age is shown while it is fetched again; one that is twice as old is waited for', async () => {
  const fixture = createFixture()
  await fixture.tool('sampling')
  fixture.listed.set('sampling', 'new')
  fixture.pass(listAgeMs - 1)
  expect(await fixture.tool('sampling')).toBe('sampling')
  expect(fixture.asked).toHaveLength(1)
  fixture.pass(1)
  expect(await fixture.tool('sampling')).toBe('sampling')
  await new Promise((resolve) => setImmediate(resolve))
  expect(fixture.announced).toEqual(['tools/list of sampling'])
  expect(await fixture.tool('sampling')).toBe('new')
  fixture.listed.set('sampling', 'newer')
  fixture.pass(2 * listAgeMs)
  expect(await fixture.tool('sampling')).toBe('newer')
})

test('clients are told how long a list is fresh: its age at most, a minute where changes are announced', async () => {
  const fixture = createFixture()
  const ttlOf = async (method: string): Promise<unknown> => {
    const given = await fixture.catalog.page(callerOf('sampling'), method, undefined)
    return 'page' in given ? given.ttlMs : undefined
  }
  expect(await ttlOf('tools/list')).toBe(60_000)
  fixture.pass(listAgeMs - 1000)
  expect(await ttlOf('tools/list')).toBe(1000)
  expect(await ttlOf('resources/list')).toBe(5000)
  fixture.pass(2000)
  expect(await ttlOf('resources/list')).toBe(3000)
})

test('a client whose name cannot be asked for is listed what clients of any name are', async () => {
  const fixture = createFixture()
  await fixture.tool('sampling')
  fixture.hasRoom = false
  expect(await fixture.tool('sampling named ada')).toBe('sampling')
  fixture.hasRoom = true
  // It is not waited for again.
  expect(await fixture.tool('sampling named ada')).toBe('sampling')
  await new Promise((resolve) => setImmediate(resolve))
  expect(fixture.announced).toEqual(['tools/list of sampling named ada'])
  expect(await fixture.tool('sampling named ada')).toBe('sampling named ada')
  expect(await fixture.tool('sampling')).toBe('sampling')
})

test('a list for a name that is learnt late and is the common one is not announced', async () => {
  const fixture = createFixture()
  fixture.listed.set('sampling', 'same').set('sampling named ada', 'same').set('sampling named bob', 'other')
  await fixture.tool('sampling')
  for (const name of ['ada', 'bob']) {
    fixture.hasRoom = false
    await fixture.tool(`sampling named ${name}`)
    fixture.hasRoom = true
    expect(await fixture.tool(`sampling named ${name}`)).toBe('same')
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(fixture.announced).toEqual(['tools/list of sampling named bob'])
})
