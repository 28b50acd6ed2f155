/** Lists that a server changes without a word, or shows to one client alone, are seen as without mcplex in between. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { overHttpSse, overPipes, overStreamableHttp } from '../support/lists-client.ts'

const server = [join(import.meta.dirname, '..', 'fixtures', 'own-lists.mjs')]

describe.each([
  ['over Streamable HTTP', overStreamableHttp],
  ['over HTTP+SSE', overHttpSse],
  ['over stdio', overPipes],
] as const)('%s', (_name, open) => {
  test('a tool that a call has added is listed afterwards, and the change is announced', async () => {
    const client = await (await open(server))('ada')
    expect(await client.tools()).not.toContain('extra')
    await client.call('learn', 'extra')
    expect(await client.tools()).toContain('extra')
    await client.changed(0)
    await client.call('forget', 'extra')
    expect(await client.tools()).not.toContain('extra')
    await client.changed(1)
  })

  test('the own worker is asked once after calls, and not at all without one', async () => {
    const client = await (await open(server))('ada')
    for (let time = 0; time < 5; time++) await client.tools()
    const before = Number(await client.call('lists'))
    expect(before).toBeLessThan(2)
    for (let time = 0; time < 5; time++) await client.tools()
    expect(await client.call('lists')).toBe(String(before + 1))
  })

  test('while the worker is at work, the list is the last known one, and comes at once', async () => {
    const client = await (await open(server))('ada')
    await client.call('learn', 'one')
    expect(await client.tools()).toContain('one')
    const slow = client.call('slow', '3000')
    await client.call('learn', 'two')
    const begunMs = performance.now()
    expect(await client.tools()).not.toContain('two')
    expect(performance.now() - begunMs).toBeLessThan(2500)
    await slow
    expect(await client.tools()).toContain('two')
  })

  test('a worker that takes longer than a second for its list is waited for a second; its list is announced', async () => {
    const client = await (await open(server))('ada')
    await client.tools()
    await client.call('delay', '4000')
    await client.call('learn', 'extra')
    const before = client.changes()
    const begunMs = performance.now()
    expect(await client.tools()).not.toContain('extra')
    expect(performance.now() - begunMs).toBeLessThan(3500)
    await client.changed(before)
    expect(await client.tools()).toContain('extra')
  })

  test('a worker that ends gives the common list back, and that is announced', async () => {
    const client = await (await open(server))('ada')
    await client.call('learn', 'extra')
    expect(await client.tools()).toContain('extra')
    const before = client.changes()
    await client.call('die').catch(() => undefined)
    await client.changed(before)
    expect(await client.tools()).not.toContain('extra')
  })

  test('a client that the server knows by its name sees the tools for that name', async () => {
    const client = await (await open(server))('app-x')
    await eventually('its own list', async () => (await client.tools()).includes('for_app-x'))
    await client.call('echo')
    expect(await client.tools()).toContain('for_app-x')
  })
})

test('what one session has added is listed to it alone', async () => {
  const open = await overStreamableHttp(server)
  const [ada, bob] = [await open('ada'), await open('ada')]
  await Promise.all([ada.call('learn', 'of_ada'), bob.call('learn', 'of_bob')])
  expect(await ada.tools()).toContain('of_ada')
  expect(await bob.tools()).toContain('of_bob')
  expect(await ada.tools()).not.toContain('of_bob')
  expect(await (await open('ada')).tools()).not.toContain('of_ada')
})
