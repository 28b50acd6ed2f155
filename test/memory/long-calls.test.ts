/** What large calls say, for as long as their server, which reads it, takes its time. */
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { echoLegacy, echoModern } from '../support/mcplex.ts'
import { openSession } from '../support/session.ts'
import { callTool } from '../support/stateless.ts'
import { expectBounded } from './attack.ts'
import { startTarget } from './target.ts'

const mebibyte = 1024 ** 2
const timeout = 90_000
const filler = 'x'.repeat(3 * mebibyte)

type Calling = (signal: AbortSignal) => Promise<{ readonly status: number }>

/** Makes calls that hang, until some are refused and no more are on their way; gives the statuses that were told. */
async function hang(calls: readonly Calling[], least: number): Promise<number[]> {
  const abort = new AbortController()
  const statuses: number[] = []
  const all = calls.map((call) =>
    call(abort.signal).then(
      ({ status }) => statuses.push(status),
      () => undefined,
    ),
  )
  await eventually('some are refused', () => statuses.filter((status) => status !== 200).length >= least)
  await new Promise((resolve) => setTimeout(resolve, 1000))
  abort.abort()
  await Promise.all(all)
  return statuses
}

test('large calls of clients without sessions', { timeout }, async () => {
  const target = await startTarget(32, { server: [echoModern] })
  const told: number[] = []
  await expectBounded(target, async (scale) => {
    const call: Calling = (signal) => callTool(target.url, 'hang', { filler }, { signal })
    told.push(...(await hang(Array(Math.ceil(40 * scale)).fill(call), scale < 1 ? 0 : 20)))
  })
  expect(told).toContain(503)
})

test('large calls of clients with sessions', { timeout }, async () => {
  const target = await startTarget(32, { server: [echoLegacy], options: ['--mode', 'shared'] })
  const told: number[] = []
  await expectBounded(target, async (scale) => {
    const sessions = await Promise.all(Array.from({ length: Math.ceil(10 * scale) }, () => openSession(target.url)))
    const calls = sessions.flatMap((session) =>
      Array.from({ length: 4 }, (): Calling => (signal) => session.call('hang', { filler }, { signal })),
    )
    told.push(...(await hang(calls, scale < 1 ? 0 : 20)))
    for (const session of sessions) await session.end()
  })
  expect(told.some((status) => status === 503 || status === 429)).toBe(true)
})
