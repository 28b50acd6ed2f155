/** The handler for fetch in a host of its own: bodies that never end, and those of calls that take their time. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { rawClient, requestBytes } from '../support/raw-http.ts'
import { openSession } from '../support/session.ts'
import { expectBounded } from './attack.ts'
import { startTarget, type Target } from './target.ts'

const mebibyte = 1024 ** 2
const timeout = 90_000
/** The adapter to `node:http` keeps pieces of bodies and answers in streams of its own. */
const hostBytes = 32 * mebibyte
const json = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }
const host = join(import.meta.dirname, 'fetch-host.mjs')
const portOf = (target: Target): number => Number(new URL(target.origin).port)

test('bodies that are never finished', { timeout }, async () => {
  const target = await startTarget(32, { host })
  const refused: number[] = []
  await expectBounded(
    target,
    async (scale) => {
      const head = requestBytes('POST /mcp', { ...json, 'Content-Length': String(4 * mebibyte) })
      const clients = await Promise.all(Array.from({ length: 164 * scale }, () => rawClient(portOf(target), head)))
      for (const client of clients) client.write(Buffer.alloc(mebibyte, '"x'))
      const told = (): number => clients.filter((client) => client.received().includes(' 503 ')).length
      await eventually('most of them refused', () => scale < 1 || told() > 100)
      refused.push(told())
      for (const client of clients) client.destroy()
    },
    hostBytes,
  )
  expect(refused[1]).toBeGreaterThan(100)
})

test('bodies of calls that take their time', { timeout }, async () => {
  const target = await startTarget(32, { host })
  await expectBounded(
    target,
    async (scale) => {
      const sessions = await Promise.all(Array.from({ length: Math.ceil(6 * scale) }, () => openSession(target.url)))
      const abort = new AbortController()
      const filler = 'x'.repeat(2 * mebibyte)
      const statuses: number[] = []
      const calls = sessions.flatMap((session) =>
        Array.from({ length: 12 }, () =>
          session.call('hang', { filler }, { signal: abort.signal }).then(
            ({ status }) => statuses.push(status),
            () => undefined,
          ),
        ),
      )
      await eventually('some refused', () => statuses.filter((status) => status !== 200).length >= sessions.length)
      abort.abort()
      await Promise.all(calls)
      for (const session of sessions) await session.end()
    },
    hostBytes,
  )
})

test('answers that are not read', { timeout }, async () => {
  const target = await startTarget(32, { host })
  await expectBounded(
    target,
    async (scale) => {
      const sessions = await Promise.all(Array.from({ length: 20 * scale }, () => openSession(target.url)))
      const clients = await Promise.all(
        Array.from({ length: 50 * scale }, async (_, at) => {
          const session = sessions[at % sessions.length]
          const client = await rawClient(portOf(target))
          client.socket.pause()
          const params = { name: 'big', arguments: { bytes: 3 * mebibyte } }
          const body = JSON.stringify({ jsonrpc: '2.0', id: at + 100, method: 'tools/call', params })
          client.write(requestBytes('POST /mcp', { ...session?.headers, ...json }, body))
          return client
        }),
      )
      await new Promise((resolve) => setTimeout(resolve, 4000 * scale))
      for (const client of clients) client.destroy()
      for (const session of sessions) await session.end()
    },
    hostBytes,
  )
})
