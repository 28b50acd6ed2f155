/** Requests that are answered, and whose answers are not taken or have no end: what they said must not stay with them. */
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import type { Answered } from '../support/http.ts'
import { type H2Client, openH2 } from '../support/h2.ts'
import { echoModern } from '../support/mcplex.ts'
import { ask } from '../support/stateless.ts'
import { expectBounded } from './attack.ts'
import { startTarget } from './target.ts'

const mebibyte = 1024 ** 2
const timeout = 90_000
const junk = 'x'.repeat(2 * mebibyte)

test('bodies whose answers are not taken', { timeout }, async () => {
  const target = await startTarget(32)
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping', params: { junk } })
  const room = { maxSessionMemory: 1000, settings: { initialWindowSize: 0 } }
  await expectBounded(target, async (scale) => {
    const clients: H2Client[] = []
    for (let at = 0; at < 3 * scale; at++) {
      const client = await openH2(target.origin, room)
      clients.push(client)
      for (let stream = 0; stream < 35 * scale; stream++) {
        const answer = client.post(body)
        await eventually('its head', () => answer.status !== undefined || answer.code !== undefined)
      }
    }
    for (const client of clients) client.destroy()
  })
})

test('streams that listen, with more in their params than they keep', { timeout }, async () => {
  const target = await startTarget(32, { server: [echoModern] })
  await expectBounded(target, async (scale) => {
    const streams: Answered[] = []
    for (let count = 0; count < 100 * scale; count++) {
      const id = `${'i'.repeat(20)}${count}`
      streams.push(await ask(target.url, 'subscriptions/listen', { notifications: {}, junk }, { id, unread: true }))
    }
    expect(new Set(streams.map(({ status }) => status))).toEqual(new Set([200]))
    for (const stream of streams) stream.cut()
    await Promise.all(streams.map(({ over }) => over))
  })
})
