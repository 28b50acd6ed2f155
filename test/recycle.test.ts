/** Workers that are replaced by hand, or after so many calls, while clients call: nothing fails, and nothing runs twice. */
import assert from 'node:assert/strict'
import { expect, test } from 'vitest'
import { runs } from './children/processes.ts'
import { eventually } from './support/eventually.ts'
import { startForTest } from './support/in-process.ts'
import { echoLegacy } from './support/mcplex.ts'
import { type Recorded, startRecorded } from './support/recorded-calls.ts'
import { textOf } from './support/rpc.ts'
import { openSession } from './support/session.ts'

/** Has clients call one after the other until told to stop; gives all that was answered. */
function load({ call }: Recorded, clients: number, ms: number): { stop(): Promise<readonly string[]> } {
  let goesOn = true
  const answers: string[] = []
  const all = Array.from({ length: clients }, async (_, at) => {
    while (goesOn) answers.push(await call(`client-${at}`, { ms }))
  })
  return {
    async stop() {
      goesOn = false
      await Promise.all(all)
      return answers
    },
  }
}

const pid = /^\d+$/

test.each([
  ['shared', { mode: 'shared' }, 100],
  ['a process for each session', { mode: 'session', pool: 12, spares: 2 }, 6],
  ['a pool of one', { mode: 'shared', pool: 1 }, 20],
] as const)(
  'no call of many clients fails or runs twice while all workers are replaced: %s',
  async (_, settings, many) => {
    const recorded = await startRecorded({ ...settings, startTimeoutMs: 60_000 })
    const clients = load(recorded, many, 5)
    await eventually('the clients are served', () => recorded.runs().size > many)
    for (let round = 0; round < 2; round++) {
      const old = recorded.upstream.workers().flatMap((worker) => worker.pid ?? [])
      expect(old.length).toBeGreaterThan(0)
      await recorded.upstream.recycle()
      expect(old.filter(runs)).toEqual([])
      const before = recorded.runs().size
      await eventually('the clients are served by others', () => recorded.runs().size > before + many)
    }
    const answers = await clients.stop()
    expect(answers.filter((answer) => !pid.test(answer))).toEqual([])
    expect([...recorded.runs().values()].every((times) => times === 1)).toBe(true)
    expect(recorded.runs().size).toBe(answers.length)
  },
)

test('a worker gets exactly so many calls, and those that it has go on while the next one serves', async () => {
  const { call, upstream } = await startRecorded({ mode: 'shared', recycleCalls: 3 })
  const answers = await Promise.all(Array.from({ length: 12 }, () => call('a', { ms: 50 })))
  for (const answer of answers) {
    expect(answer).toMatch(pid)
    expect(answers.filter((other) => other === answer)).toHaveLength(3)
  }
  await eventually('all of them have ended', () => upstream.workers().every(({ calls }) => calls < 3))
  expect(answers.filter((one) => runs(Number(one)))).toEqual([])
})

test('a call that runs ends on the old worker, and its session goes on with the next one meanwhile', async () => {
  const { call, upstream, release } = await startRecorded({ mode: 'session', spares: 0 })
  const long = call('a', { held: true })
  await eventually('it runs', () =>
    upstream.workers().some(({ callsInFlight, purpose }) => callsInFlight === 1 && purpose === 'serve'),
  )
  let isOver = false
  const over = upstream.recycle().then(() => (isOver = true))
  const next = await call('a')
  expect([next, isOver]).toEqual([expect.stringMatching(pid), false])
  const states = upstream
    .workers()
    .filter(({ session }) => session === 'a')
    .map(({ state }) => state)
  expect(states.toSorted()).toEqual(['idle', 'retiring'])
  expect(upstream.counts()).toMatchObject({ retiringWorkers: 1 })
  release()
  expect(await long).not.toBe(next)
  await over
  expect(runs(Number(await long))).toBe(false)
  expect(await call('a')).toBe(next)
})

test('workers are replaced at about their age, spares as well', async () => {
  const { call, upstream } = await startRecorded({ mode: 'session', spares: 1, recycleAgeMs: 1500 })
  const first = await call('a')
  const old = upstream.workers().flatMap((worker) => worker.pid ?? [])
  await eventually('none of the first is left', () => !old.some(runs))
  expect(await call('a')).not.toBe(first)
})

test('a server is replaced under load: paused, replaced and resumed through the gateway, without a failed call', async () => {
  const { gateway, url } = await startForTest([echoLegacy], { upstream: { pool: 8, mode: 'session' } })
  const operations = gateway.operations('server')
  assert(operations)
  let goesOn = true
  const answers: string[] = []
  const sessions = await Promise.all(Array.from({ length: 4 }, () => openSession(url)))
  const clients = sessions.map(async (session) => {
    while (goesOn) answers.push(textOf(await session.response('echo', { text: 'here' })))
  })
  await eventually('the clients are served', () => answers.length > 20)
  const old = operations.workers().flatMap((worker) => worker.pid ?? [])
  operations.pause(600_000)
  await operations.recycle()
  expect(old.filter(runs)).toEqual([])
  expect(operations.resume()).toMatchObject({ access: 'open' })
  const before = answers.length
  await eventually('the clients are served by others', () => answers.length > before + 20)
  goesOn = false
  await Promise.all(clients)
  expect(new Set(answers)).toEqual(new Set(['here']))
})
