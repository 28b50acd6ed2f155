import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Cancel } from '../base/cancel.ts'
import { manualClock } from '../base/clock.ts'
import { createMemoryBudget, type MemoryBudget } from '../base/memory-budget.ts'
import { CoarseTimers } from '../base/coarse-timers.ts'
import { createLiveStream, type LiveStream } from './live-stream.ts'

const bounds = { near: { chars: 200, events: 4 }, far: { chars: 400, events: 8 } }

interface Opened {
  readonly stream: LiveStream
  readonly clock: ReturnType<typeof manualClock>
  readonly overs: number[]
  readonly budget: MemoryBudget
}

function open(closed = new Cancel(), share = Infinity): Opened {
  const budget = createMemoryBudget(1_000_000)
  const clock = manualClock()
  const overs: number[] = []
  const stream = createLiveStream({
    firstEvent: 'event: endpoint\ndata: here\n\n',
    loss: '"lost"',
    bounds,
    memory: budget.account(share),
    keepAliveMs: 1000,
    timers: new CoarseTimers(clock),
    closed,
    onOver: () => overs.push(1),
  })
  return { stream, clock, overs, budget }
}

const data = (text: string): string[] => [...text.matchAll(/^data: (.*)$/gm)].map(([, one = '']) => one)
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Reads to the end of the stream. */
async function all(stream: LiveStream): Promise<string[]> {
  const pieces: string[] = []
  for await (const piece of stream.read()) pieces.push(piece)
  return data(pieces.join(''))
}

test('messages are sent in order after the first event, and none from before the end is lost', async () => {
  const { stream, overs } = open()
  const read = all(stream)
  stream.send('1')
  await stream.append('2', new Cancel())
  await turn()
  stream.send('3')
  stream.end()
  expect(await read).toEqual(['here', '1', '2', '3'])
  expect([stream.isOver, overs]).toEqual([true, [1]])
})

test('calls wait for a reader that is behind, and continue in order when it has caught up', async () => {
  const { stream } = open()
  const done: number[] = []
  const reader = stream.read()[Symbol.asyncIterator]()
  const appended = Array.from({ length: 10 }, async (_, at) => {
    await stream.append(`"${at}"`, new Cancel())
    done.push(at)
  })
  await turn()
  expect(done).toEqual([0, 1, 2])
  expect(stream.hasRoom).toBe(false)
  const seen: string[] = []
  while (seen.length < 11) seen.push(...data(String((await reader.next()).value)))
  await Promise.all(appended)
  expect(seen).toEqual(['here', ...Array.from({ length: 10 }, (_, at) => `"${at}"`)])
  expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(stream.hasRoom).toBe(true)
})

test('a call that is cancelled does not wait', async () => {
  const { stream } = open()
  for (let at = 0; at < 5; at++) stream.send(`${at}`)
  const cancel = new Cancel()
  let isOver = false
  const appended = stream.append('"last"', cancel).then(() => (isOver = true))
  await turn()
  expect(isOver).toBe(false)
  cancel.cancel('no longer wanted')
  await appended
  stream.end()
  expect((await all(stream)).at(-1)).toBe('"last"')
})

test('messages that cannot wait are dropped beyond the bound, and the loss is reported once', async () => {
  const { stream } = open()
  for (let at = 0; at < 50; at++) stream.send(`${at}`)
  stream.end()
  expect(await all(stream)).toEqual(['here', '0', '1', '2', '3', '4', '5', '6', '"lost"'])
})

test('the memory for a reader that never reads is bounded, whatever is sent', async () => {
  const said = fc.array(fc.record({ waits: fc.boolean(), length: fc.integer({ min: 2, max: 300 }) }), { maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(said, async (messages) => {
      const { stream } = open()
      for (const { waits, length } of messages) {
        const text = 'x'.repeat(length)
        if (waits) void stream.append(text, new Cancel())
        else stream.send(text)
      }
      const piece = String((await stream.read()[Symbol.asyncIterator]().next()).value)
      // The last message may begin below the bound and end above it.
      expect(piece.length).toBeLessThan(bounds.far.chars + 400)
      expect(data(piece).length).toBeLessThanOrEqual(bounds.far.events)
    }),
  )
})

test('comments are sent in silence, and only then', async () => {
  const { stream, clock } = open()
  const reader = stream.read()[Symbol.asyncIterator]()
  expect(data(String((await reader.next()).value))).toEqual(['here'])
  const next = reader.next()
  await turn()
  clock.advance(900)
  stream.send('1')
  expect(data(String((await next).value))).toEqual(['1'])
  const quiet = reader.next()
  await turn()
  clock.advance(1200)
  expect((await quiet).value).toBe(': \n\n')
})

test('when the reader disconnects, the stream ends and no call waits any more', async () => {
  const closed = new Cancel()
  const { stream, overs } = open(closed)
  for (let at = 0; at < 5; at++) stream.send(`${at}`)
  const waiting = stream.append('"waits"', new Cancel())
  closed.cancel('gone')
  await waiting
  await stream.append('"late"', new Cancel())
  stream.send('"later"')
  expect([stream.isOver, overs]).toEqual([true, [1]])
  expect(await all(stream)).toEqual([])
})

test('waiting messages count as memory until they are taken, queued or not, and none is counted after the end', async () => {
  const { stream, budget } = open()
  const reader = stream.read()[Symbol.asyncIterator]()
  await reader.next()
  const appended = ['a', 'b', 'c'].map((letter) => stream.append(letter.repeat(300), new Cancel()))
  stream.send('\u2192'.repeat(100))
  await turn()
  expect(budget.heldBytes).toBeGreaterThan(900 + 200)
  while (budget.heldBytes > 0) await reader.next()
  await Promise.all(appended)
  const waiting = Array.from({ length: 5 }, () => stream.append('d'.repeat(300), new Cancel()))
  expect(budget.heldBytes).toBeGreaterThan(1500)
  stream.cut()
  await Promise.all(waiting)
  expect([budget.heldBytes, stream.isOver]).toEqual([0, true])
})

test('a large message beyond the share is refused, and the small error about it is sent', async () => {
  const { stream, overs } = open(new Cancel(), 50_000)
  const read = all(stream)
  await expect(stream.append('x'.repeat(60_000), new Cancel())).rejects.toMatchObject({ code: 'memory_share_exceeded' })
  await stream.append('refused', new Cancel())
  stream.end()
  expect(await read).toEqual(['here', 'refused'])
  expect(overs).toEqual([1])
})
