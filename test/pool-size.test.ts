/** How many processes are kept: the least, whatever is needed. */
import { cpus } from 'node:os'
import { expect, test } from 'vitest'
import { eventually } from './support/eventually.ts'
import { startRecorded } from './support/recorded-calls.ts'

test('so many processes are kept for all clients, also after one has crashed and when none is used', async () => {
  const { call, upstream, skip } = await startRecorded({ mode: 'shared', poolMin: 3, processIdleMs: 60_000 })
  const idle = (): number =>
    upstream.workers().filter(({ state, purpose }) => state === 'idle' && purpose === 'serve').length
  await eventually('they have started', () => idle() === 3)
  expect(await call('a', { crash: true })).toBe('upstream_closed')
  await eventually('there are as many again', () => idle() === 3)
  skip(120_000)
  await call('a')
  await eventually('they are kept', () => idle() === 3)
  expect(upstream.counts()).toMatchObject({ workers: 3, servingWorkers: 3, reserveWorkers: 0 })
})

test('where each session has a process, those that are kept wait as spares, beside those that work', async () => {
  const { call, upstream } = await startRecorded({ mode: 'session', spares: 0, poolMin: 3 })
  await eventually('they have started', () => upstream.counts()['workers'] === 3)
  expect(upstream.counts()).toMatchObject({ catalogWorkers: 1, spareWorkers: 2 })
  for (const client of ['a', 'b']) await call(client)
  await eventually('a spare has become the worker of a session', () => upstream.counts()['servingWorkers'] === 2)
  await eventually('no more are started', () => upstream.counts()['workers'] === 3)
})

test('where clients share processes, there are as many as the pool allows while each has as many calls as it may', async () => {
  const pool = cpus().length + 2
  const { call, release, upstream } = await startRecorded({ mode: 'shared', pool, callsPerProcess: 1 })
  const calls = Array.from({ length: pool }, (_, at) => call(`client-${at}`, { held: true }))
  await eventually('each call has a process', () => upstream.counts()['workerCalls'] === pool)
  expect(upstream.counts()).toMatchObject({ servingWorkers: pool, waitingCalls: 0 })
  release()
  expect(new Set(await Promise.all(calls)).size).toBe(pool)
})
