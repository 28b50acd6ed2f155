/** A module that throws, exits or computes without a pause harms its own call alone, and is named. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Log } from '../../src/base/log.ts'
import { eventually } from '../support/eventually.ts'
import { startModule } from '../support/in-process.ts'
import { reasonOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'

const module = join(import.meta.dirname, '../fixtures/modules/caller.mjs')

function recordedLog(): { log: Log; lines: string[] } {
  const lines: string[] = []
  const add = (fields: object, message: string): void => void lines.push(`${message} ${JSON.stringify(fields)}`)
  return { log: { debug() {}, info() {}, warn: add, error: add }, lines }
}

describe.each([
  ['in the same thread', false],
  ['in a thread of its own', true],
])('a module %s', (_where, isolate) => {
  test.each([
    ['throw-later', 'an error in it was not caught', 'thrown in a timer'],
    ['reject-later', 'a rejection in it was not handled', 'nobody handles this'],
    ['exit', 'it called process.exit(7)', 'process.exit'],
  ])('that fails by %s ends its own call, is named, and serves on', async (tool, what, detail) => {
    const { log, lines } = recordedLog()
    const { url, gateway } = await startModule({ module, isolate }, {}, { log })
    const [ada, bob] = [await openSession(url), await openSession(url)]
    await bob.text('remember', { key: 'k', value: 'of bob' })
    expect(reasonOf(await ada.response(tool))).toBe('upstream_closed')
    const line = await eventually('the log to name it', () => lines.find((one) => one.includes(what)))
    expect(line).toContain(detail)
    expect(JSON.stringify((await gateway.health()).checks)).toContain(what)
    expect(JSON.stringify(await gateway.health())).not.toContain(detail === 'process.exit' ? 'caller.mjs' : detail)
    expect(await bob.text('recall', { key: 'k' })).toBe('of bob')
    expect(await ada.text('remember', { key: 'k', value: 'again' })).toBe('kept')
  })

  test('a result that is no JSON ends its call with an error', async () => {
    const { url } = await startModule({ module, isolate })
    const session = await openSession(url)
    expect((await session.response('cyclic')).error).toMatchObject({ code: -32603 })
    expect(await session.text('remember', { key: 'k', value: 1 })).toBe('kept')
  })
})

test('a module that blocks the event loop is named; in a thread of its own it blocks no other server', async () => {
  const { log, lines } = recordedLog()
  const { url, gateway } = await startModule({ module }, {}, { log })
  const session = await openSession(url)
  expect(await session.text('block', { ms: 4000 })).toBe('blocked')
  await eventually('the log to name it', () => lines.some((line) => line.includes('the event loop was blocked')))
  expect(JSON.stringify((await gateway.health()).checks)).toContain('blocked all of mcplex')

  const isolated = await startModule({ module, isolate: true })
  const slow = await openSession(isolated.url)
  let isOver = false
  const blocking = slow.text('block', { ms: 3000 }).finally(() => (isOver = true))
  expect((await isolated.gateway.health()).live).toBe(true)
  expect(isOver).toBe(false)
  await blocking
})

test('a thread that does not come back is ended after the longest silence of a call, and other sessions go on', async () => {
  const { url } = await startModule({ module, isolate: true, callIdleMs: 5000, pingAfterMs: 500 })
  const [hanging, other] = [await openSession(url), await openSession(url)]
  await other.text('remember', { key: 'k', value: 1 })
  expect((await hanging.response('block', { ms: 600_000 })).error).toMatchObject({ code: -32603 })
  const served = async (): Promise<object | false> => {
    const { error, result } = await other.response('recall', { key: 'k' })
    return error === undefined && { result }
  }
  const found = await eventually('the other session to be served', served, 60_000)
  expect(found).toMatchObject({ result: { content: [{ type: 'text', text: '1' }] } })
}, 90_000)

test.each([
  ['broken.mjs', /broken\.mjs cannot be loaded: broken, as told/],
  ['none.mjs', /there is no file .*none\.mjs/],
  ['no-factory.mjs', /no-factory\.mjs exports no function\. Export one that makes an MCP server/],
  ['server-object.mjs', /server-object\.mjs exports a server object \(server\), which can serve one client only/],
  [
    'needs-more.mjs',
    /needs-more\.mjs cannot be loaded: not-installed-here is not installed: npm install not-installed-here/,
  ],
  ['no-server.mjs', /its factory returned no MCP server/],
])('%s is refused with what to do', async (file, words) => {
  for (const isolate of [false, true])
    await expect(
      startModule({ module: join(import.meta.dirname, '../fixtures/modules', file), isolate }),
    ).rejects.toThrow(words)
})
