/** The circuit breaker in front of a server that hangs: callers of it are refused at once, others are served. */
import { expect, test } from 'vitest'
import { allReady } from '../support/all-ready.ts'
import { eventually } from '../support/eventually.ts'
import { startUpstreams } from '../support/in-process.ts'
import { echoLegacy } from '../support/mcplex.ts'
import { reasonOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'

const echo = { command: process.execPath, args: [echoLegacy], mode: 'shared', spares: 0 } as const

test('a server that answers nothing is left alone, tried again, and served when it answers', async () => {
  const breaker = { breakerErrorPercent: 50, breakerMinCalls: 4, breakerOpenMs: 500 }
  const { url, gateway } = await startUpstreams({ hangs: { ...echo, ...breaker, callIdleMs: 2000 }, other: echo })
  await allReady(url)
  const states: string[] = []
  gateway.events.on('upstreamBreaker', ({ state }) => states.push(state))
  const [one, two] = [await openSession(url), await openSession(url)]
  const calls = [one, two, one, two].map((session) => session.response('hangs__slow', { ms: 600_000 }))
  expect((await Promise.all(calls)).map(reasonOf)).toEqual(calls.map(() => 'upstream_timeout'))
  await eventually('the breaker has opened', () => states.includes('open'))
  const refused = await one.response('hangs__echo', { text: 'no' })
  // On a slow machine it may be let through already.
  expect(refused.error?.data ?? { reason: 'breaker_open' }).toMatchObject({ reason: 'breaker_open' })
  expect(await one.text('other__echo', { text: 'yes' })).toBe('yes')
  await eventually('it is let through', async () => !(await one.response('hangs__echo', { text: 'hi' })).error)
  await eventually('it has closed', () => states.at(-1) === 'closed')
  expect(await two.text('hangs__echo', { text: 'again' })).toBe('again')

  gateway.operations('hangs')?.breaker('open')
  const held = await one.response('hangs__echo', { text: 'no' })
  expect([reasonOf(held), held.error?.code]).toEqual(['breaker_open', -32603])
  expect(await gateway.health()).toMatchObject({ status: 'degraded', counts: { openBreakers: 1 } })
  gateway.operations('hangs')?.breaker('auto')
  expect(await one.text('hangs__echo', { text: 'again' })).toBe('again')
})
