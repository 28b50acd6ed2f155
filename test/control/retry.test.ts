/** A call whose process ends runs once more where its tool says that this has no further effect, and nowhere else. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { allReady } from '../support/all-ready.ts'
import { eventually } from '../support/eventually.ts'
import { startUpstreams } from '../support/in-process.ts'
import { messagesOf, reasonOf, responseTo } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'

const folder = mkdtempSync(join(tmpdir(), 'mcplex-retry-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const server = {
  command: process.execPath,
  args: [join(import.meta.dirname, '..', 'fixtures', 'crashing.mjs'), folder],
  spares: 0,
} as const

/** The processes that have run the calls of a key. */
function runsOf(key: string): readonly string[] {
  const file = join(folder, key)
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
}

test('a call of a tool that is idempotent is answered by another process, any other one ends with a typed error', async () => {
  const { url, gateway, counts } = await startUpstreams({
    own: { ...server, retryIdempotent: true },
    shared: { ...server, mode: 'shared', retryIdempotent: true },
    off: server,
  })
  await allReady(url)
  const results: string[] = []
  gateway.events.on('callRetried', ({ upstream, result }) => results.push(`${upstream} ${result}`))
  // Processes that end again and again are started later and later, so each session has few that do.
  const sessions = await Promise.all(Array.from({ length: 5 }, () => openSession(url)))
  const [first, second, third, fourth, fifth] = sessions as [Session, Session, Session, Session, Session]
  await first.request('tools/list')

  // Never a third time.
  expect(reasonOf(await first.response('own__read', { key: 'twice', crashes: 9 }))).toBe('upstream_closed')
  expect(runsOf('twice')).toHaveLength(2)
  expect(results).toEqual(['own failed'])

  expect(await second.text('own__read', { key: 'read', crashes: 1 })).toBe('run 2')
  expect(new Set(runsOf('read')).size, 'in two processes').toBe(2)
  expect(await third.text('own__set', { key: 'set', crashes: 1 })).toBe('run 2')
  expect(await third.text('shared__read', { key: 'shared', crashes: 1 })).toBe('run 2')
  expect(results.slice(1)).toEqual(['own answered', 'own answered', 'shared answered'])
  expect((await counts())['retriedCalls']).toBe(4)

  for (const [session, tool] of [
    [fourth, 'own__add'],
    [fifth, 'own__silent'],
    [fifth, 'off__read'],
  ] as const) {
    expect(reasonOf(await session.response(tool, { key: tool, crashes: 1 }))).toBe('upstream_closed')
    expect(runsOf(tool)).toHaveLength(1)
  }

  // Its client has heard of it already.
  const id = fifth.nextId()
  const told = await fifth.call('shared__read', { key: 'told', crashes: 1, progress: true }, { id, progressToken: 'p' })
  expect(reasonOf(await responseTo(told, id))).toBe('upstream_closed')
  expect(messagesOf(told).some(({ method }) => method === 'notifications/progress')).toBe(true)
  expect(runsOf('told')).toHaveLength(1)
  expect(results).toHaveLength(4)
})

test('a call that its client has cancelled does not run again', async () => {
  const { url } = await startUpstreams({ own: { ...server, mode: 'shared', retryIdempotent: true } })
  const [session, other] = [await openSession(url), await openSession(url)]
  await session.request('tools/list')
  const id = session.nextId()
  const cancelled = session.call('read', { key: 'cancelled', waits: true }, { id })
  await eventually('it runs', () => runsOf('cancelled').length === 1)
  await session.notify('notifications/cancelled', { requestId: id })
  const stays = other.call('read', { key: 'stays', waits: true })
  await eventually('another one runs', () => runsOf('stays').length === 1)
  process.kill(Number(runsOf('stays')[0]), 'SIGKILL')
  await eventually('the other one runs again', () => runsOf('stays').length === 2)
  expect(await other.text('read', { key: 'after' })).toBe('run 1')
  expect(runsOf('cancelled')).toHaveLength(1)
  await other.end()
  await Promise.all([cancelled, stays])
})
