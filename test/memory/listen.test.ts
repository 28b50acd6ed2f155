/** What clients without sessions keep: streams that listen, calls that wait for them. */
import { expect, test } from 'vitest'
import type { Answered } from '../support/http.ts'
import { echoModern } from '../support/mcplex.ts'
import { messagesOf, reasonOf } from '../support/rpc.ts'
import { ask, callTool } from '../support/stateless.ts'
import { expectBounded } from './attack.ts'
import { startTarget, type Target } from './target.ts'

function listen(target: Target, count: number, length: number): Promise<Answered> {
  const uris = Array.from({ length: count }, (_, at) => `echo://values/${at}/${'x'.repeat(length)}`)
  return ask(target.url, 'subscriptions/listen', { notifications: { resourceSubscriptions: uris } }, { unread: true })
}

async function reasonIn(answered: Answered): Promise<unknown> {
  answered.read()
  await answered.whole()
  return messagesOf(answered).map(reasonOf)[0]
}

test('a stream that listens to more than one client may is refused by its share', async () => {
  const target = await startTarget(16, { server: [echoModern] })
  const large = await listen(target, 1000, 4000)
  expect([large.status, await reasonIn(large)]).toEqual([429, 'memory_share_exceeded'])
  const usual = await listen(target, 1000, 100)
  expect(usual.status).toBe(200)
  usual.cut()
})

test('streams that listen get half of the budget, and then new ones are refused', async () => {
  const target = await startTarget(16, { server: [echoModern] })
  const refusals: unknown[] = []
  await expectBounded(target, async (scale) => {
    const streams: Answered[] = []
    for (let count = 0; count < 60 * scale; count++) {
      const stream = await listen(target, 200, 2000)
      if (stream.status === 200) streams.push(stream)
      else refusals.push(await reasonIn(stream))
    }
    expect(await target.heldBytes()).toBeLessThan(target.budgetBytes * 0.52)
    for (const stream of streams) stream.cut()
    await Promise.all(streams.map(({ over }) => over))
  })
  expect(refusals.length).toBeGreaterThan(20)
  expect(new Set(refusals)).toEqual(new Set(['overloaded']))
})

test(
  'calls that wait for answers of their clients count, and beyond the half they are refused',
  { timeout: 90_000 },
  async () => {
    const env = { MCPLEX_SESSIONS__INPUT_TIMEOUT: '3s' }
    const target = await startTarget(16, { options: ['--mode', 'call', '--pool', '60', '--queue-wait', '60s'], env })
    const ends = new Set<string>()
    const options = { capabilities: { elicitation: {} } }
    // What is learnt for such clients stays.
    await (await callTool(target.url, 'echo', { text: 'first' }, options)).whole()
    const words = {
      inputRequests: 'asked',
      'too much to answer': 'told',
      'Too much is asked': 'told',
      'is too large': 'told',
      overloaded: 'refused',
    }
    await expectBounded(target, async (scale) => {
      const asked = { message: 'x'.repeat(100_000) }
      const calls = await Promise.all(
        Array.from({ length: 30 * scale }, () => callTool(target.url, 'ask', asked, options)),
      )
      for (const call of calls) {
        const text = await call.whole()
        const end = Object.entries(words).find(([word]) => text.includes(word))
        ends.add(end ? end[1] : text.slice(0, 300))
      }
      // Half of it for what is large, and a quarter more for small things.
      expect(await target.heldBytes()).toBeLessThan(target.budgetBytes * 0.75)
    })
    expect(ends).toContain('asked')
    expect(ends.size).toBeGreaterThan(1)
    for (const end of ends) expect(Object.values(words)).toContain(end)
  },
)
