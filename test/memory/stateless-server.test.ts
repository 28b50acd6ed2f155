/** What a server of the stateless era has its clients keep: updates that they do not read, questions between rounds. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import type { Answered } from '../support/http.ts'
import { openSession } from '../support/session.ts'
import { ask, toolResponse } from '../support/stateless.ts'
import { textOf } from '../support/rpc.ts'
import { expectBounded } from './attack.ts'
import { startTarget, type Target } from './target.ts'

const mebibyte = 1024 ** 2
const timeout = 90_000
const unruly = [join(import.meta.dirname, 'greedy-modern.mjs')]

test.each([
  ['many small ones of long addresses', 10, 4000, 100],
  ['large ones', 10, 20, mebibyte],
])('updates that are not read by the streams that listen: %s', { timeout }, async (_, uris, chars, bytes) => {
  const target = await startTarget(16, { server: unruly })
  const listen = (at: number): Promise<Answered> => {
    const resourceSubscriptions = Array.from({ length: uris }, (__, uri) => `test://${at}/${uri}/${'x'.repeat(chars)}`)
    return ask(target.url, 'subscriptions/listen', { notifications: { resourceSubscriptions } }, { unread: true })
  }
  await expectBounded(target, async (scale) => {
    const streams: Answered[] = []
    for (let at = 0; at < 30 * scale; at++) streams.push(await listen(at))
    const args = { count: Math.ceil(2 * uris * scale), bytes }
    for (let time = 0; time < 3; time++)
      expect(textOf(await toolResponse(target.url, 'update', args))).toContain('told')
    for (const stream of streams) stream.cut()
    await Promise.all(streams.map(({ over }) => over))
  })
})

/** Opens sessions that can be asked, and has them called back with questions that they do not answer. */
async function leaveQuestions(target: Target, sessions: number, args: object): Promise<string[]> {
  const ends: string[] = []
  for (let count = 0; count < sessions; count++) {
    const session = await openSession(target.url, { capabilities: { elicitation: {} } })
    const calls = await Promise.all(
      Array.from({ length: 6 }, (_, id) => session.call('rounds', { ...args }, { id: `call ${id}` })),
    )
    const isSaid = (call: Answered): boolean => /elicitation\/create|"reason"|"isError"/.test(call.text)
    await eventually('the questions', () => calls.every(isSaid))
    for (const { text } of calls)
      ends.push(/"reason":"(\w+)"/.exec(text)?.[1] ?? (text.includes('"isError"') ? 'told' : 'asked'))
    await session.end()
    await Promise.all(calls.map(({ over }) => over))
  }
  return ends
}

test.each([
  ['a huge one', 1, 0.5 * mebibyte],
  ['many', 60, 8000],
])('questions between rounds that no client answers: %s', { timeout }, async (_, count, bytes) => {
  const target = await startTarget(16, { server: unruly, env: { MCPLEX_SESSIONS__RETENTION: '1s' } })
  await (await openSession(target.url, { capabilities: { elicitation: {} } })).end()
  const ends: string[] = []
  await expectBounded(target, async (scale) => {
    ends.push(...(await leaveQuestions(target, 10 * scale, { count, bytes })))
  })
  expect(ends).toContain('asked')
  expect(new Set(ends)).toEqual(new Set(['asked', 'told']))
})
