/** The lists of a module: `cacheScope: public` says that they are the same for all clients. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startModule } from '../support/in-process.ts'
import { openSession, type Session } from '../support/session.ts'

/** A server whose list depends on the session once that has called `unlock`; it does not announce that. */
const silent = join(import.meta.dirname, '../fixtures/modules/silent-lists.mjs')
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
