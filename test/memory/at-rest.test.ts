/** What clients do every day leaves no memory behind. */
import { expect, test } from 'vitest'
import { echoLegacy } from '../support/mcplex.ts'
import { openSession } from '../support/session.ts'
import { expectBounded } from './attack.ts'
import { startTarget } from './target.ts'

test('sessions that call, listen and end leave nothing behind', async () => {
  const target = await startTarget(16, {
    server: [echoLegacy],
    options: ['--mode', 'shared'],
    env: { MCPLEX_SESSIONS__RETENTION: '1s' },
  })
  await expectBounded(target, async (scale) => {
    for (let count = 0; count < 100 * scale; count++) {
      const session = await openSession(target.url)
      const stream = await session.listen()
      expect(await session.text('echo', { text: 'x' })).toBe('x')
      await session.response('notify', { count: 3, bytes: 1000 }, { progressToken: 1 })
      await session.end()
      await stream.over
    }
  })
})
