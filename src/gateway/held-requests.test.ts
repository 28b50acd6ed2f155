import { expect, test } from 'vitest'
import { Cancel } from '../base/cancel.ts'
import type { Inbound, Outbound } from '../protocol/inbound.ts'
import { HeldRequests } from './held-requests.ts'

const inboundOf = (closed = new Cancel()): Inbound => ({
  method: 'GET',
  path: '/mcp',
  headers: {},
  connection: 'c1',
  body: async () => 'the body',
  closed,
})
const ann = { tenant: 'acme', subject: 'ann', issuer: 'keys' }
const bob = { ...ann, subject: 'bob' }

const streamOf = (body: AsyncIterable<string>): Outbound => ({ status: 200, headers: {}, body })

async function piecesOf({ body }: Outbound): Promise<string[]> {
  const all: string[] = []
  for await (const piece of body) all.push(piece)
  return all
}

test('a request is held until its answer is complete', () => {
  const requests = new HeldRequests()
  const held = requests.hold(inboundOf(), ann)
  expect(requests.count).toBe(1)
  held.follow({ status: 200, headers: {}, body: 'all of it' })
  expect(requests.count).toBe(0)
})

test('a stream is held until it ends, and passes unchanged', async () => {
  const requests = new HeldRequests()
  const held = requests.hold(inboundOf(), ann)
  const outbound = held.follow(
    streamOf(
      (async function* () {
        yield 'a'
        expect(requests.count).toBe(1)
        yield 'b'
      })(),
    ),
  )
  expect(await piecesOf(outbound)).toEqual(['a', 'b'])
  expect(requests.count).toBe(0)
})

test('a stream ends with its credentials while its next piece is waited for, and what makes it is told to stop', async () => {
  const requests = new HeldRequests()
  const held = requests.hold(inboundOf(), ann)
  let isStopped = false
  const never = {
    [Symbol.asyncIterator]: () => never,
    next: () => new Promise<IteratorResult<string>>(() => {}),
    return: async (): Promise<IteratorResult<string>> => {
      isStopped = true
      return { done: true, value: undefined }
    },
  }
  const reading = piecesOf(held.follow(streamOf(never)))
  requests.endUnless(() => true)
  expect(held.closed.cancelled).toBe(false)
  requests.endUnless(() => false)
  expect(await reading).toEqual([])
  expect(held.closed.reason).toBe('the credentials have ended')
  expect([isStopped, requests.count]).toEqual([true, 0])
})

test('only the requests whose credentials are not good any more end', () => {
  const requests = new HeldRequests()
  const [one, other] = [requests.hold(inboundOf(), ann), requests.hold(inboundOf(), bob)]
  requests.endUnless(({ subject }) => subject === 'ann')
  expect([one.closed.cancelled, other.closed.cancelled]).toEqual([false, true])
  expect(requests.count).toBe(1)
})

test('a stream that begins after its credentials have ended is over, and its generator is finished', async () => {
  const requests = new HeldRequests()
  const held = requests.hold(inboundOf(), ann)
  requests.endUnless(() => false)
  let isFinished = false
  const outbound = held.follow(
    streamOf(
      (async function* () {
        try {
          yield 'a'
          yield 'b'
        } finally {
          isFinished = true
        }
      })(),
    ),
  )
  expect(await piecesOf(outbound)).toEqual([])
  await new Promise((resolve) => setImmediate(resolve))
  expect(isFinished).toBe(true)
})

test('a client that disconnects ends its request as without credentials', async () => {
  const closed = new Cancel()
  const held = new HeldRequests().hold(inboundOf(closed), ann)
  closed.cancel('client gone')
  expect(held.closed.reason).toBe('client gone')
  expect(await held.body()).toBe('the body')
})

test('a body that is still sent when its credentials end is refused, before it has arrived and after', async () => {
  const requests = new HeldRequests()
  const held = requests.hold({ ...inboundOf(), body: () => new Promise(() => {}) }, ann)
  const reading = held.body()
  requests.endUnless(() => false)
  await expect(reading).rejects.toMatchObject({ code: 'unauthorized' })
  const ended = requests.hold(inboundOf(), ann)
  requests.endUnless(() => false)
  await expect(ended.body()).rejects.toMatchObject({ code: 'unauthorized' })
})

test('requests without credentials are held where credentials may be asked for later', () => {
  const anonymous = { tenant: 'default', subject: 'anonymous' }
  expect(new HeldRequests(true).mayEnd(anonymous)).toBe(true)
  expect([new HeldRequests().mayEnd(anonymous), new HeldRequests().mayEnd(ann)]).toEqual([false, true])
})

test('an error of a stream is passed on, and ends it', async () => {
  const requests = new HeldRequests()
  const held = requests.hold(inboundOf(), ann)
  const outbound = held.follow(
    streamOf(
      (async function* () {
        yield 'a'
        throw new Error('broken')
      })(),
    ),
  )
  await expect(piecesOf(outbound)).rejects.toThrow('broken')
  expect(requests.count).toBe(0)
})
