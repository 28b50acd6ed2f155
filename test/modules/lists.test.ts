/** The lists of a module: `cacheScope: public` says that they are the same for all clients. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { startModule, startUpstreams } from '../support/in-process.ts'
import { type JsonMap, responseTo } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'
import { ask, toolResponse } from '../support/stateless.ts'

/** A server whose list depends on the session once that has called `unlock`; it does not announce that. */
const modules = join(import.meta.dirname, '../fixtures/modules')
const silent = join(modules, 'silent-lists.mjs')
/** The same server, which announces it. */
const announcing = join(import.meta.dirname, '../../examples/lists-by-session.mjs')

async function namesFor(session: Session): Promise<string[]> {
  const { result = {} } = await session.request('tools/list')
  return (result['tools'] as ReadonlyArray<{ readonly name: string }>).map(({ name }) => name)
}

test('private by default: a session is listed what its own server object lists', async () => {
  const { url, counts } = await startModule({ module: silent })
  const [ada, bob] = [await openSession(url), await openSession(url)] as const
  expect(await Promise.all([ada, bob].map(namesFor))).toEqual([['unlock'], ['unlock']])
  expect((await counts())['servingWorkers']).toBe(2)
  expect(await ada.text('unlock')).toBe('open')
  expect(await Promise.all([ada, bob].map(namesFor))).toEqual([['unlock', 'secret'], ['unlock']])
})

test('public: all sessions get one list over HTTP, and one that only lists costs no server object', async () => {
  const { url, counts } = await startModule({ module: silent, cacheScope: 'public' })
  const sessions = await Promise.all(Array.from({ length: 20 }, () => openSession(url)))
  const lists = await Promise.all(sessions.map(namesFor))
  expect(lists).toEqual(sessions.map(() => ['unlock']))
  expect((await counts())['servingWorkers']).toBe(0)
})

test('public: a session that has called gets the list of all as well', async () => {
  const { url, counts } = await startModule({ module: silent, cacheScope: 'public' })
  const [ada, bob] = [await openSession(url), await openSession(url)] as const
  expect(await ada.text('unlock')).toBe('open')
  expect((await counts())['servingWorkers']).toBe(1)
  expect(await Promise.all([ada, bob].map(namesFor))).toEqual([['unlock'], ['unlock']])
  // What its object knows is not lost: the list alone is that of all.
  expect(await ada.text('secret')).toBe('it is 42')
})

test('public: a session whose own server object announces another list gets that one', async () => {
  const { url } = await startModule({ module: announcing, cacheScope: 'public' })
  const [ada, bob] = [await openSession(url), await openSession(url)] as const
  expect(await ada.text('unlock')).toBe('open')
  expect(await Promise.all([ada, bob].map(namesFor))).toEqual([['unlock', 'secret'], ['unlock']])
})

/** The list of a client without a session. */
async function statelessList(url: string): Promise<JsonMap> {
  return (await responseTo(await ask(url, 'tools/list', {}, { id: 1 }), 1)).result ?? {}
}

test.each(['private', 'public'] as const)(
  '%s: so says the list to clients without a session alone',
  async (cacheScope) => {
    const { url } = await startModule({ module: silent, cacheScope, stateless: 'principal' })
    expect(await statelessList(url)).toMatchObject({ cacheScope })
    expect((await (await openSession(url)).request('tools/list')).result).not.toHaveProperty('cacheScope')
  },
)

test.each(['principal', 'call', 'shared'] as const)(
  'one server object gives all pages of a list to a client without a session (%s)',
  async (stateless) => {
    const { url, counts } = await startModule({ module: join(modules, 'paged-lists.mjs'), stateless })
    const names: unknown[] = []
    let cursor: JsonMap = {}
    do {
      // Of a client that can be asked, each call has an object of its own, which ends with it.
      const options = { id: 1, capabilities: { elicitation: { form: {} } } }
      const { result = {} } = await responseTo(await ask(url, 'tools/list', cursor, options), 1)
      names.push(...(result['tools'] as readonly JsonMap[]).map(({ name }) => name))
      cursor = result['nextCursor'] === undefined ? {} : { cursor: result['nextCursor'] }
    } while (cursor['cursor'] !== undefined)
    expect(names).toEqual(['one', 'two', 'three'])
    if (stateless !== 'shared')
      await eventually('no object to be left', async () => (await counts())['servingWorkers'] === 0)
  },
)

test('public: a list that the object of one principal announced is private to it', async () => {
  const { url } = await startModule({
    module: join(modules, 'echo-v2.mjs'),
    cacheScope: 'public',
    stateless: 'principal',
  })
  await toolResponse(url, 'touch-list')
  await eventually('the list of its own', async () => JSON.stringify(await statelessList(url)).includes('added_1'))
  expect(await statelessList(url)).toMatchObject({ cacheScope: 'private' })
})

test.each([
  ['public', 'public'],
  ['public', 'private'],
] as const)('a merged list of a module that is %s and one that is %s is what both are', async (one, other) => {
  const { url } = await startUpstreams({
    one: { module: silent, cacheScope: one, stateless: 'principal' },
    other: { module: silent, cacheScope: other, stateless: 'principal' },
  })
  const listed = await eventually('both to be listed', async () => {
    const list = await statelessList(url)
    return JSON.stringify(list).includes('other__unlock') && list
  })
  expect(listed).toMatchObject({ cacheScope: one === other ? 'public' : 'private' })
  expect((await (await openSession(url)).request('tools/list')).result).not.toHaveProperty('cacheScope')
})

test('public: nothing is learnt for one client name, since all are listed the same', async () => {
  const { url, counts } = await startModule({ module: silent, cacheScope: 'public' })
  const { catalogWorkers: before } = await counts()
  for (const client of ['ada', 'bob', 'eve']) await namesFor(await openSession(url, { client }))
  expect((await counts())['catalogWorkers']).toBe(before)
})
