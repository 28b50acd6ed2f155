/** Servers that no longer start: waiting calls are refused, and running processes go on. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { inTime } from '../support/eventually.ts'
import { echoLegacy, mcplexForTest } from '../support/mcplex.ts'
import { reasonOf, textOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'
import { toolResponse } from '../support/stateless.ts'

const hostile = join(import.meta.dirname, 'hostile-server.mjs')

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mcplex-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

test('a further process that never comes up does not stop those that run', async () => {
  const folder = await temporaryFolder()
  const mcplex = await mcplexForTest({
    options: ['--mode', 'call', '--log-level', 'error', '--queue-wait', '1s'],
    env: { MCPLEX_UPSTREAM__POOL__SPARES: '0' },
    // One process that is asked for lists, and one that serves.
    server: [hostile, `--starts=${join(folder, 'starts')}`, '--no-start-after=2'],
  })
  const session = await openSession(mcplex.url)
  expect(await session.text('pid')).toMatch(/^\d+$/)
  const busy = session.text('slow', { ms: 12_000 })
  const other = await openSession(mcplex.url)
  const refused = await other.response('pid')
  expect(['overloaded', 'upstream_unavailable']).toContain(reasonOf(refused))
  expect(await inTime('the call that was there before', busy)).toBe('slow')
  expect(await session.text('pid')).toMatch(/^\d+$/)
})

test('a call gets its result although the name of the server is not known', async () => {
  const folder = await temporaryFolder()
  const mcplex = await mcplexForTest({
    options: ['--log-level', 'error', '--stateless', 'principal'],
    env: { MCPLEX_UPSTREAM__POOL__SPARES: '0' },
    // One process that is asked by mcplex itself, one that serves, and none for what clients of this kind are shown.
    server: [hostile, `--starts=${join(folder, 'starts')}`, '--no-start-after=2'],
  })
  const response = await toolResponse(mcplex.url, 'say', { text: 'done' }, { capabilities: { roots: {} } })
  expect(textOf(response)).toBe('done')
})

test('a program that does not start any more is not tried for every session', async () => {
  const folder = await temporaryFolder()
  const starts = join(folder, 'starts')
  const mcplex = await mcplexForTest({
    options: ['--log-level', 'error'],
    env: { MCPLEX_UPSTREAM__POOL__SPARES: '0' },
    server: [hostile, `--starts=${starts}`, '--no-start-after=2'],
  })
  const sessions = await Promise.all(Array.from({ length: 40 }, () => openSession(mcplex.url)))
  expect(await sessions[0]?.text('pid')).toMatch(/^\d+$/)
  for (const session of sessions.slice(1)) expect(reasonOf(await session.response('pid'))).toBe('upstream_unavailable')
  expect((await readFile(starts, 'utf8')).trim().split('\n').length, 'it is given up').toBeLessThan(20)
  expect(await sessions[0]?.text('pid'), 'who has a process keeps it').toMatch(/^\d+$/)
})

test('one that waits for a place takes it from one other, not from all', async () => {
  const mcplex = await mcplexForTest({
    options: ['--pool', '4', '--log-level', 'error'],
    env: { MCPLEX_UPSTREAM__POOL__EVICT_IDLE: '1ms', MCPLEX_UPSTREAM__POOL__SPARES: '0' },
    // Takes two seconds to end: until then its place is not free.
    server: [echoLegacy, '--ignore-eof'],
  })
  const there: Array<[Session, string]> = []
  for (let index = 0; index < 4; index++) {
    const session = await openSession(mcplex.url)
    there.push([session, (await session.whoami()).nonce])
  }
  const another = await openSession(mcplex.url)
  await another.whoami()
  const stayed = mcplex.servers().length
  expect(stayed, 'three of four, and the new one').toBe(4)
  const nonces = await Promise.all(
    there.slice(1).map(async ([session, before]) => [before, (await session.whoami()).nonce]),
  )
  for (const [before, now] of nonces) expect(now).toBe(before)
})
