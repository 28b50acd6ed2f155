/** An operator pauses, disables and replaces servers of each kind while clients call: no call fails, and none runs twice. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { allReady } from '../support/all-ready.ts'
import { eventually } from '../support/eventually.ts'
import { type InProcess, startUpstreams } from '../support/in-process.ts'
import { echoLegacy } from '../support/mcplex.ts'
import { reasonOf, textOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'

const module = join(import.meta.dirname, '..', 'fixtures', 'modules', 'echo-v2.mjs')

async function start(): Promise<InProcess> {
  const echo = { command: process.execPath, args: [echoLegacy], mode: 'shared', spares: 0 } as const
  const started = await startUpstreams({ own: echo, mod: { module } })
  await allReady(started.url)
  return started
}

test.each(['own', 'mod'])('%s is paused and replaced under load: all calls are answered', async (name) => {
  const { url, gateway, counts } = await start()
  const operations = gateway.operations(name)
  const sessions = await Promise.all(Array.from({ length: 6 }, () => openSession(`${url}/${name}`)))
  let isOver = false
  const loops = sessions.map(async (session, at) => {
    const texts: string[] = []
    for (let call = 0; !isOver; call++) {
      const text = `${at} ${call}`
      texts.push(await session.text('echo', { text }))
      expect(texts.at(-1)).toBe(text)
    }
    return texts.length
  })
  operations?.pause(600_000)
  await eventually('all sessions wait', async () => (await counts())['queuedCalls'] === sessions.length)
  expect(operations?.state()).toMatchObject({ access: 'paused', waiting: sessions.length })
  const { checks, upstreams } = await gateway.health()
  expect(checks[name]).toMatchObject({ ok: true, detail: 'it is paused by its operator: calls wait' })
  expect(upstreams?.[name]).toMatchObject({ pausedUpstreams: 1, queuedCalls: sessions.length })
  expect((await gateway.replaceUpstreams([name])).changed).toEqual([name])
  // The pause goes on at the new one.
  expect(gateway.operations(name)?.state()).toMatchObject({ access: 'paused', waiting: sessions.length })
  operations?.resume()
  await eventually('nothing waits', () => operations?.state().waiting === 0)
  isOver = true
  expect((await Promise.all(loops)).every((made) => made > 0)).toBe(true)
})

test('a disabled server refuses calls with a reason, others go on, and a call that runs ends', async () => {
  const { url, gateway } = await start()
  const session = await openSession(url)
  const runs = session.response('own__slow', { ms: 1500 })
  await eventually('it runs', () => gateway.callsInFlight === 1)
  gateway.operations('own')?.disable()
  const refused = await session.response('own__echo', { text: 'no' })
  expect([refused.error?.code, reasonOf(refused)]).toEqual([-32603, 'upstream_disabled'])
  expect(await session.text('mod__echo', { text: 'yes' })).toBe('yes')
  expect(textOf(await runs)).toBe('done after 1500 ms')
  expect(await gateway.health()).toMatchObject({
    status: 'degraded',
    ready: true,
    checks: { own: { ok: false, detail: 'it is disabled by its operator' } },
  })
  gateway.operations('own')?.enable()
  expect(await session.text('own__echo', { text: 'again' })).toBe('again')
  expect(gateway.operations('unknown')).toBeUndefined()
})
