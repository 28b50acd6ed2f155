/** What waits for a reader of HTTP+SSE, whose stream cannot be resumed. */
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { openStreamClient } from '../support/stream-client.ts'
import { expectBounded } from './attack.ts'
import { startTarget } from './target.ts'

test('streams that are not read stay within the budget: those that hold most are cut', async () => {
  const target = await startTarget(16, {
    options: ['--mode', 'shared', '--idle-timeout', '2s'],
    env: { MCPLEX_SESSIONS__SLOW_READER: '5m' },
  })
  await expectBounded(target, async (scale) => {
    const clients = await Promise.all(Array.from({ length: 6 * scale }, () => openStreamClient(target.url)))
    let id = 0
    for (const { stream } of clients) stream.pause()
    // The kernel takes some megabytes of each before anything waits here.
    await eventually('something waits for each reader', async () => {
      for (const client of clients) {
        const params = { name: 'big', arguments: { bytes: 400_000 } }
        await (await client.post({ id: ++id, method: 'tools/call', params })).whole()
      }
      return (await target.heldBytes()) > clients.length * 1_000_000
    })
    expect(await target.heldBytes()).toBeLessThanOrEqual(target.budgetBytes)
    for (const { stream } of clients) stream.cut()
    await Promise.all(clients.map(({ stream }) => stream.over))
  })
})
