import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { manualClock, systemClock } from '../../base/clock.ts'
import { asRefusal } from '../../base/refusal.ts'
import { rawObject } from '../../protocol/json-text.ts'
import { InternalRequests } from './internal-requests.ts'

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
const answer = { kind: 'result', result: rawObject({}) } as const

test('an answer that has come while the event loop was blocked is read before its time-out is seen', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const writer = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [reader] = await once(server, 'connection')
  onTestFinished(() => {
    writer.destroy()
    reader.destroy()
    server.close()
  })
  const requests = new InternalRequests(systemClock)
  reader.on('data', () => void requests.answer(1, answer))
  // The connection is used once, so that nothing of it has to be set up below.
  writer.write('first')
  await once(reader, 'data')
  const waited = requests.wait(1, 'ping', 50).then(
    () => 'answered',
    (error: unknown) => asRefusal(error)?.code,
  )
  writer.write('answer')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
  expect(await waited).toBe('answered')
})

test('a request without an answer is refused when its time is up, once, and a late answer is not for it', async () => {
  const clock = manualClock()
  const requests = new InternalRequests(clock)
  const waited = requests.wait(1, 'ping', 1000).catch((error: unknown) => asRefusal(error)?.code)
  clock.advance(999)
  await settled()
  expect([...requests.waiting()]).toEqual([1])
  clock.advance(1)
  expect(await waited).toBe('upstream_timeout')
  expect([requests.answer(1, answer), [...requests.waiting()]]).toEqual([false, []])
})

test('a request that fails while its time-out is pending fails with its own error', async () => {
  const clock = manualClock()
  const requests = new InternalRequests(clock)
  const waited = requests.wait(1, 'ping', 1000).catch((error: unknown) => error)
  clock.advance(1000)
  const failure = new Error('it has ended')
  requests.failAll(failure)
  await settled()
  assert.equal(await waited, failure)
})
