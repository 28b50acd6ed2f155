import { expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import { answerMs, createGuardedFetch, mayName } from './guarded-fetch.ts'

const far = new URL('https://mcp.example.com/mcp')
const near = new URL('http://127.0.0.1:8080/mcp')

test.each([
  ['https://login.example.org/token', true, true],
  ['https://mcp.example.com/.well-known/x', true, true],
  ['http://127.0.0.1:9000/token', false, true],
  ['http://localhost:9000/token', false, true],
  ['https://[::1]/token', false, true],
  ['http://login.example.org/token', false, false],
  ['http://169.254.169.254/latest/meta-data', false, false],
  ['https://169.254.169.254/latest/meta-data', false, false],
  ['https://[fe80::1]/', false, false],
  ['https://[::ffff:127.0.0.1]/', false, false],
  ['https://0.0.0.0/', false, false],
  ['file:///etc/passwd', false, false],
])('%s: named by an endpoint elsewhere %s, on this machine %s', (target, byFar, byNear) => {
  expect([mayName(far, new URL(target)), mayName(near, new URL(target))]).toEqual([byFar, byNear])
})

test('what an endpoint may not name is not asked', async () => {
  let asked = 0
  const guarded = createGuardedFetch(far, manualClock(), () => {
    asked++
    return Promise.resolve(new Response('{}'))
  })
  await expect(guarded('http://127.0.0.1:2375/containers')).rejects.toMatchObject({ code: 'sign_in' })
  expect(asked).toBe(0)
  expect(await (await guarded('https://login.example.org/x')).json()).toEqual({})
})

test('an answer that does not end is given up, also in its body', async () => {
  const clock = manualClock()
  const body = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(Buffer.from('{')) })
  const guarded = createGuardedFetch(far, clock, () => Promise.resolve(new Response(body)))
  const answered = guarded('https://login.example.org/x').catch((error: unknown) => error)
  await new Promise(setImmediate)
  clock.advance(answerMs + 1)
  expect(await answered).toMatchObject({ message: 'no answer within 30 s' })
})

test('an answer that is too long is not taken, and of an error there is the beginning', async () => {
  const endless = (status: number) => () =>
    Promise.resolve(
      new Response(
        new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(Buffer.alloc(100_000, 'x')) }),
        { status },
      ),
    )
  const guarded = (status: number) => createGuardedFetch(far, manualClock(), endless(status))
  await expect(guarded(200)('https://login.example.org/x')).rejects.toThrow('more than')
  const refused = await guarded(400)('https://login.example.org/x')
  expect([refused.status, (await refused.text()).length]).toEqual([400, 2000])
})
