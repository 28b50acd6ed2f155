/** Processes that say nothing for long: their calls are waited for, new ones are kept from them, and it is said. */
import { expect, test } from 'vitest'
import { runs } from '../children/processes.ts'
import { eventually } from '../support/eventually.ts'
import { type Mcplex, mcplexForTest } from '../support/mcplex.ts'
import { reasonOf, textOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'

const silent = 'worker does not respond'

const said = (mcplex: Mcplex, msg: string): boolean => mcplex.log.some((line) => line['msg'] === msg)

const health = async ({ origin }: Mcplex): Promise<string> => (await fetch(`${origin}/health`)).text()

test('a silent process is marked, gets no new call, loses none, and goes on when it speaks', async () => {
  const mcplex = await mcplexForTest({ env: { MCPLEX_UPSTREAM__PING_AFTER: '1s' } })
  const session = await openSession(mcplex.url)
  const { pid, nonce } = await session.whoami()
  const long = session.response('slow', { ms: 500 })
  process.kill(pid, 'SIGSTOP')
  await eventually('the mark', () => said(mcplex, silent))
  expect(await health(mcplex)).toContain('one worker does not respond')
  const late = session.whoami()
  const other = await openSession(mcplex.url)
  expect(await other.text('echo', { text: 'another session' })).toBe('another session')
  process.kill(pid, 'SIGCONT')
  expect(textOf(await long)).toBe('done after 500 ms')
  expect((await late).nonce, 'nothing was ended').toBe(nonce)
  await eventually('the end of the mark', async () => !(await health(mcplex)).includes('does not respond'))
  expect(said(mcplex, 'worker responds again')).toBe(true)
})

test('a call that gets no such process is refused with the reason', async () => {
  const mcplex = await mcplexForTest({ options: ['--queue-wait', '2s'], env: { MCPLEX_UPSTREAM__PING_AFTER: '500ms' } })
  const session = await openSession(mcplex.url)
  const { pid } = await session.whoami()
  const long = session.response('slow', { ms: 500 })
  process.kill(pid, 'SIGSTOP')
  await eventually('the mark', () => said(mcplex, silent))
  const late = await session.response('echo', { text: 'x' })
  expect(reasonOf(late)).toBe('upstream_unavailable')
  expect(late.error?.message).toContain('does not respond')
  process.kill(pid, 'SIGCONT')
  expect(textOf(await long)).toBe('done after 500 ms')
})

test('where the mode allows more processes, a new call is given another one', async () => {
  const mcplex = await mcplexForTest({
    options: ['--mode', 'shared', '--pool', '4'],
    env: { MCPLEX_UPSTREAM__PING_AFTER: '500ms' },
  })
  const session = await openSession(mcplex.url)
  const { pid } = await session.whoami()
  const long = session.response('slow', { ms: 500 })
  process.kill(pid, 'SIGSTOP')
  await eventually('the mark', () => said(mcplex, silent))
  expect((await session.whoami()).pid).not.toBe(pid)
  process.kill(pid, 'SIGCONT')
  expect(textOf(await long)).toBe('done after 500 ms')
})

test('a call that times out ends no other call of its process; without one the process is replaced', async () => {
  const env = { MCPLEX_UPSTREAM__CALL_IDLE: '9s', MCPLEX_UPSTREAM__PING_AFTER: '500ms' }
  const mcplex = await mcplexForTest({ env })
  const session = await openSession(mcplex.url)
  const { pid, nonce } = await session.whoami()
  const hanging = session.response('hang')
  const stepping = session.response('slow', { ms: 7500, steps: 5 }, { progressToken: 1 })
  // Its fourth step is after 6 s: from there it has nine of its own.
  await new Promise((resolve) => setTimeout(resolve, 6500))
  process.kill(pid, 'SIGSTOP')
  expect(reasonOf(await hanging)).toBe('upstream_timeout')
  expect(said(mcplex, silent)).toBe(true)
  // The ping that follows the time-out is not answered either.
  await new Promise((resolve) => setTimeout(resolve, 2000))
  expect(runs(pid), 'a call is in flight').toBe(true)
  process.kill(pid, 'SIGCONT')
  expect(textOf(await stepping)).toBe('done after 7500 ms')
  expect((await session.whoami()).nonce).toBe(nonce)

  const lost = session.response('slow', { ms: 60_000 })
  process.kill(pid, 'SIGSTOP')
  expect(reasonOf(await lost)).toBe('upstream_timeout')
  await eventually('the process is ended', () => !runs(pid))
  expect((await session.whoami()).nonce).not.toBe(nonce)
})
