/** Bodies: those that never end, and those of calls that take their time. */
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { openH2 } from '../support/h2.ts'
import { rawClient, requestBytes } from '../support/raw-http.ts'
import { openSession } from '../support/session.ts'
import { expectBounded } from './attack.ts'
import { startTarget, type Target } from './target.ts'

const mebibyte = 1024 ** 2
const timeout = 90_000
const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
/** What a client of HTTP/2 may hold itself, in MB: else it gives up before we do. */
const room = { maxSessionMemory: 1000 }
/** The beginning of a body that is said to have 4 MiB. */
const begun = Buffer.alloc(mebibyte, '"x')

const portOf = (target: Target): number => Number(new URL(target.origin).port)

/** A client of its own whose body is large enough to be counted is served, if not at once. */
async function expectServed(target: Target): Promise<void> {
  const session = await openSession(target.url)
  const text = 'y'.repeat(100_000)
  await eventually('a larger call of another client', async () => {
    const answered = await session.call('echo', { text })
    return (await answered.whole()).includes(text)
  })
  await session.end()
}

/** Who is refused is told why. */
function expectTold(answer: string | undefined): void {
  expect(answer).toContain('overloaded: ')
}

test('bodies that are never finished, on 164 connections', { timeout }, async () => {
  const target = await startTarget(32)
  await expectBounded(target, async (scale) => {
    const head = requestBytes('POST /mcp', { ...json, 'Content-Length': String(4 * mebibyte) })
    const clients = await Promise.all(Array.from({ length: 164 * scale }, () => rawClient(portOf(target), head)))
    for (const client of clients) client.write(begun)
    const refused = (): number => clients.filter((client) => client.received().includes(' 503 ')).length
    if (scale === 1) {
      await eventually('most of them refused', () => refused() > 100)
      await expectServed(target)
      expectTold(clients.map((client) => client.received()).find((text) => text.includes(' 503 ')))
    }
    for (const client of clients) client.destroy()
  })
})

test('bodies that are never finished, on many streams of some connections', { timeout }, async () => {
  const target = await startTarget(32)
  await expectBounded(target, async (scale) => {
    const clients = await Promise.all(Array.from({ length: Math.ceil(4 * scale) }, () => openH2(target.origin, room)))
    const answers = clients.flatMap((client) =>
      Array.from({ length: 40 * scale }, () =>
        client.request('/mcp', { body: begun, open: true, headers: { ':method': 'POST', ...json } }),
      ),
    )
    if (scale === 1) {
      await eventually('some refused', () => answers.filter(({ status }) => status !== undefined).length > 100)
      await expectServed(target)
      expectTold(answers.map(({ text }) => text).find((text) => text !== ''))
    }
    for (const client of clients) client.destroy()
  })
})
