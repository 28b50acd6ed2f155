/** The lists of a module: `cacheScope: public` says that they are the same for all clients. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startModule } from '../support/in-process.ts'
import { openSession, type Session } from '../support/session.ts'

const module = join(import.meta.dirname, '../../examples/lists-by-session.mjs')

async function namesFor(session: Session): Promise<string[]> {
  const { result } = await session.request('tools/list')
  return (result?.['tools'] as ReadonlyArray<{ readonly name: string }>).map(({ name }) => name)
}

test('private by default: a session is listed what its own server object lists', async () => {
  const { url, counts } = await startModule({ module })
  const sessions = [await openSession(url), await openSession(url)] as const
  expect(await Promise.all(sessions.map(namesFor))).toEqual([['unlock'], ['unlock']])
  expect((await counts())['servingWorkers']).toBe(2)
})

test('public: all sessions get one list over HTTP, and one that only lists costs no server object', async () => {
  const { url, counts } = await startModule({ module, cacheScope: 'public' })
  const sessions = await Promise.all(Array.from({ length: 20 }, () => openSession(url)))
  const lists = await Promise.all(sessions.map(namesFor))
  expect(lists).toEqual(sessions.map(() => ['unlock']))
  expect((await counts())['servingWorkers']).toBe(0)
})

test('public: a session that has called still gets the list of all', async () => {
  const { url } = await startModule({ module, cacheScope: 'public' })
  const [ada, bob] = [await openSession(url), await openSession(url)] as const
  expect(await ada.text('unlock')).toBe('open')
  expect(await namesFor(ada)).toEqual(['unlock'])
  expect(await namesFor(bob)).toEqual(['unlock'])
})
