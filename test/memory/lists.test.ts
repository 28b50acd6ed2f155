/** What is learnt of a server stays within a quarter of the budget. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { messagesOf, reasonOf } from '../support/rpc.ts'
import { eventually } from '../support/eventually.ts'
import { openSession } from '../support/session.ts'
import { startTarget } from './target.ts'

const server = join(import.meta.dirname, 'long-list.mjs')

test('a list that is too long to be kept is refused, time and again, and calls are served', async () => {
  const target = await startTarget(16, { server: [server, '3500000'], options: ['--mode', 'shared'] })
  const session = await openSession(target.url)
  const before = await target.heldBytes()
  for (let time = 0; time < 3; time++) {
    const refused = await session.post({ id: session.nextId(), method: 'tools/list' })
    await refused.whole()
    expect([refused.status, messagesOf(refused).map(reasonOf)]).toEqual([503, ['overloaded']])
  }
  expect(await session.text('echo', { text: 'served' })).toBe('served')
  // The end of a list that was refused may still be on its way.
  await eventually('nothing kept of the lists', async () => (await target.heldBytes()) - before < 100_000)
})

test('a list that may be kept counts with its texts for each revision', async () => {
  const target = await startTarget(16, { server: [server, '500000'], options: ['--mode', 'shared'] })
  const before = await target.heldBytes()
  for (const version of ['2025-03-26', '2025-06-18', '2025-11-25']) {
    const session = await openSession(target.url, { version })
    expect(JSON.stringify(await session.request('tools/list'))).toContain('xxx')
    await session.end()
  }
  expect((await target.heldBytes()) - before).toBeGreaterThan(1_000_000)
})
