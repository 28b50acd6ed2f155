/** An API with a limit, shared by the sessions of a module through `limited` of `mcplex/tools`. */
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { limited } from '../../src/tools.ts'
import { eventually } from '../support/eventually.ts'
import { startModule } from '../support/in-process.ts'
import { startLimitedApi } from '../support/limited-api.ts'
import { openSession, type Session } from '../support/session.ts'

const root = join(import.meta.dirname, '../..')
const module = join(root, 'test/fixtures/modules/limited-calls.mjs')

function sessionsAt(url: string, count: number): Promise<Session[]> {
  return Promise.all(Array.from({ length: count }, () => openSession(url)))
}

test('two hundred sessions at an API of 10 calls a second: none is refused, none is lost, the crowd of one delays no other', async () => {
  const api = await startLimitedApi(10, 1000)
  process.env['WEATHER_API'] = api.url
  onTestFinished(() => void delete process.env['WEATHER_API'])
  const { url } = await startModule({ module: join(root, 'examples/shared-api.mjs') })
  const sessions = await sessionsAt(url, 200)
  const order: string[] = []
  const ask = async (session: Session | undefined, city: string): Promise<void> => {
    expect(await session?.text('weather', { city })).toBe(`answer to /weather?city=${city}`)
    order.push(city)
  }
  // One session has ten calls before the others come.
  const crowd = Array.from({ length: 10 }, (_, at) => ask(sessions[0], `crowd${at}`))
  await Promise.all([...crowd, ...sessions.slice(1).map((session, at) => ask(session, `city${at}`))])
  expect(api.refused).toBe(0)
  expect(api.answered.size).toBe(209)
  expect([...api.answered.values()].every((count) => count === 1)).toBe(true)
  // It has got a turn in each round, and no more: the others were not behind its ten calls.
  expect(order.findLastIndex((city) => city.startsWith('city'))).toBeGreaterThan(190)
})

test('two hundred sessions that do not stop get equal parts of an API', async () => {
  const api = await startLimitedApi(20, 100)
  const { url } = await startModule({ module })
  const sessions = await sessionsAt(url, 200)
  const args = { url: api.url, sessions: 200, total: 1300, calls: 20, per: 100 }
  const counts = await Promise.all(
    sessions.map(async (session, at) => Number(await session.text('share', { ...args, lanes: at === 0 ? 50 : 1 }))),
  )
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1300)
  expect(Math.max(...counts) / Math.min(...counts)).toBeLessThan(1.2)
  expect(api.refused).toBe(0)
})

test('an API that refuses calls because others use it too is left alone as long as it says, and no call is lost', async () => {
  const api = await startLimitedApi(10, 100)
  const { url } = await startModule({ module })
  const sessions = await sessionsAt(url, 20)
  let isOver = false
  const others = (async () => {
    // They take what there is.
    while (!isOver) await Promise.all(Array.from({ length: 10 }, async () => (await fetch(`${api.url}/others`)).text()))
  })()
  const asking = sessions.map((session, at) => session.text('ask', { url: `${api.url}/${at}`, calls: 10, per: 100 }))
  await eventually('the API to refuse calls', () => api.refused > 0)
  isOver = true
  await others
  expect(await Promise.all(asking)).toEqual(sessions.map((_, at) => `answer to /${at}`))
  for (const at of sessions.keys()) expect(api.answered.get(`/${at}`)).toBe(1)
})

describe.each([
  ['in the same thread', false],
  ['in a thread of its own', true],
])('a module %s', (_where, isolate) => {
  test('has its figures in the health report, and gives up the wait of a call that is cancelled', async () => {
    const { url, counts, gateway } = await startModule({ module, isolate })
    const [ada, bob] = [await openSession(url), await openSession(url)]
    const held = ada.text('hold')
    await eventually('the call to run', async () => (await counts())['limitedCalls'] === 1)
    const waits = bob.call('next', {}, { id: 77 })
    await eventually('the other to wait', async () => (await counts())['waitingLimitedCalls'] === 1)
    await eventually('its age', async () => ((await counts())['oldestLimitedWaitMs'] ?? 0) > 0)
    expect((await gateway.health()).upstreams?.['mine']).toMatchObject({ limitedCalls: 1 })
    const [{ sharedResources } = { sharedResources: [] }] = await gateway.upstreamStates()
    const [first] = sharedResources
    expect(first).toMatchObject({ kind: 'limited', name: 'one', inUse: 1, waiting: 1 })
    expect(first?.oldestWaitMs).toBeGreaterThan(0)
    await bob.notify('notifications/cancelled', { requestId: 77 })
    await eventually('the wait to end', async () => (await counts())['waitingLimitedCalls'] === 0)
    await waits.catch(() => {})
    expect(await bob.text('release')).toBe('ok')
    expect(await held).toBe('released')
    expect(await bob.text('next')).toBe('next')
  })

  test('that does not catch an error of a resource gives its client the words', async () => {
    const { url } = await startModule({ module, isolate })
    const [ada, bob] = [await openSession(url), await openSession(url)]
    const held = ada.text('hold')
    await eventually('the call to run', async () => (await bob.text('at-once')).includes('would have to wait'))
    const { result } = await bob.response('at-once')
    expect(result).toMatchObject({ isError: true })
    expect(await bob.text('other-options')).toMatch(/limited\("one"\) exists with other options/)
    await bob.text('release')
    await held
  })
})

test('those who wait are refused when the gateway is closed, and none hangs', async () => {
  const { url, counts, gateway } = await startModule({ module })
  const [ada, bob] = [await openSession(url), await openSession(url)]
  const ends = [ada.text('hold'), bob.text('next')].map((call) => call.catch(() => 'ended'))
  await eventually('one to wait', async () => (await counts())['waitingLimitedCalls'] === 1)
  await gateway.close({ force: true })
  await Promise.all(ends)
})

test('two modules with resources of one name share nothing', async () => {
  const [first, second] = [await startModule({ module }), await startModule({ module })]
  const [ada, bob] = [await openSession(first.url), await openSession(second.url)]
  const held = ada.text('hold')
  await eventually('the call to run', async () => (await first.counts())['limitedCalls'] === 1)
  expect(await bob.text('next')).toBe('next')
  await ada.text('release')
  await held
})

test('outside of a module it says where to use it', async () => {
  await expect(limited('api', { rate: 1 }).run(() => 1)).rejects.toThrow('limited("api") was used outside of a module')
  expect(() => limited('api', {})).toThrow('needs a rate, a concurrency, or both')
})
