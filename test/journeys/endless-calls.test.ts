/** Calls and processes that do not end by themselves: each call is ended, its server is told, and other calls go on. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runs } from '../children/processes.ts'
import { eventually } from '../support/eventually.ts'
import { type Mcplex, startMcplex } from '../support/mcplex.ts'
import { reasonOf, textOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'

let mcplex: Mcplex
beforeAll(async () => {
  const env = { MCPLEX_UPSTREAM__CALL_IDLE: '1s', MCPLEX_UPSTREAM__CALL_TOTAL: '3s' }
  mcplex = await startMcplex({ options: ['--log-level', 'warn'], env })
})
afterAll(() => mcplex.end())

const cancelled = (text: string): number => (JSON.parse(text) as { count: number }).count

test('a call without an answer or progress ends, and its server is told to cancel it', async () => {
  const session = await openSession(mcplex.url)
  const { nonce } = await session.whoami()
  const answers = await Promise.all([session.response('hang'), session.response('slow', { ms: 60_000 })])
  for (const answer of answers)
    expect(answer.error).toMatchObject({ code: -32603, data: { reason: 'upstream_timeout' } })
  await eventually('both are cancelled', async () => cancelled(await session.text('cancelled')) === 2)
  expect((await session.whoami()).nonce, 'a process that still reacts is kept').toBe(nonce)
})

test('progress keeps a call alive, but not beyond its longest time', async () => {
  const session = await openSession(mcplex.url)
  const [long, endless] = await Promise.all([
    session.response('slow', { ms: 2000, steps: 10 }, { progressToken: 1 }),
    session.response('slow', { ms: 60_000, steps: 300 }, { progressToken: 2 }),
  ])
  expect(textOf(long)).toBe('done after 2000 ms')
  expect(reasonOf(endless)).toBe('upstream_timeout')
})

test('a process that reacts to nothing is ended, its session goes on with another, and no other session notices', async () => {
  const [hit, bystander] = [await openSession(mcplex.url), await openSession(mcplex.url)]
  const stuck = await hit.whoami()
  const before = await bystander.whoami()
  process.kill(stuck.pid, 'SIGSTOP')
  expect(reasonOf(await hit.response('echo', { text: 'x' }))).toBe('upstream_timeout')
  expect(await bystander.text('echo', { text: 'alive' })).toBe('alive')
  await eventually('the stuck process is ended', () => !runs(stuck.pid))
  expect((await hit.whoami()).nonce).not.toBe(stuck.nonce)
  expect((await bystander.whoami()).nonce).toBe(before.nonce)
})
