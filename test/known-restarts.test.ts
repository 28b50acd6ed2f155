/** Workers that crash after a healthy time, or have hung while they rested: calls wait for the next one. */
import { expect, test } from 'vitest'
import { runs } from './children/processes.ts'
import { eventually } from './support/eventually.ts'
import { startRecorded } from './support/recorded-calls.ts'

const pid = /^\d+$/

test('when a worker crashes under load, its calls in flight end with a typed error, all others wait, and none runs twice', async () => {
  const recorded = await startRecorded({ mode: 'shared', callsPerProcess: 10 })
  let goesOn = true
  const answers: Array<readonly string[]> = []
  const clients = Array.from({ length: 60 }, async (_, at) => {
    const own: string[] = []
    answers.push(own)
    while (goesOn) own.push(await recorded.call(`client-${at}`, { ms: 5 }))
  })
  const made = (): number => answers.flat().length
  await eventually('the clients are served', () => made() > 200)
  const crashed = await recorded.call('the one that crashes it', { crash: true })
  expect(crashed).toBe('upstream_closed')
  const before = made()
  await eventually('the clients are served by the next one', () => made() > before + 200)
  goesOn = false
  await Promise.all(clients)
  const failed = answers.map((own) => own.filter((answer) => !pid.test(answer)))
  expect(new Set(failed.flat()).size).toBeLessThanOrEqual(1)
  expect(failed.flat().every((answer) => answer === 'upstream_closed')).toBe(true)
  // A worker has ten calls at most: the rest was not sent.
  expect(failed.flat().length).toBeLessThan(10)
  expect(failed.every((own) => own.length <= 1)).toBe(true)
  expect([...recorded.runs().values()].every((times) => times === 1)).toBe(true)
})

test('a worker that has rested is pinged before it is lent, and used if it answers', async () => {
  const { call, pings, skip } = await startRecorded({ mode: 'session', spares: 0 })
  const first = await call('a')
  const before = pings().filter((one) => one === Number(first)).length
  skip(31_000)
  expect(await call('a')).toBe(first)
  expect(await call('a')).toBe(first)
  expect(pings().filter((one) => one === Number(first)).length).toBe(before + 1)
})

test('a worker that has hung while it rested is replaced before it is lent, and no other client waits for that', async () => {
  const { call, pings, skip, upstream } = await startRecorded({ mode: 'session', spares: 0 })
  const [first, other] = [await call('a'), await call('b')]
  skip(6000)
  await eventually('it is known that the server answers pings', () => pings().length > 0)
  process.kill(Number(first), 'SIGSTOP')
  skip(31_000)
  const next = call('a')
  expect(await call('b')).toBe(other)
  expect(await next).toMatch(pid)
  expect(await next).not.toBe(first)
  expect(runs(Number(first))).toBe(false)
  expect(upstream.counts()).toMatchObject({ unresponsiveWorkers: 0 })
})

test('a worker of a server that answers no pings is lent all the same', async () => {
  const { call, skip } = await startRecorded({ mode: 'session', spares: 0 }, { flags: ['--no-ping'] })
  const first = await call('a')
  skip(31_000)
  expect(await call('a')).toBe(first)
})
