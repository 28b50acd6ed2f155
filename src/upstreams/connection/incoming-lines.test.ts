import { expect, test } from 'vitest'
import { createMemoryBudget, type MemoryBudget } from '../../base/memory-budget.ts'
import { IncomingLines } from './incoming-lines.ts'

interface Fixture {
  readonly memory: MemoryBudget
  readonly incoming: IncomingLines
  /** Messages by kind, with the bytes counted while each was handled. */
  readonly seen: ReadonlyArray<readonly [string, number]>
  readonly lost: ReadonlyArray<readonly [number | undefined, string]>
  /** The ids of requests that were too large. */
  readonly refused: readonly string[]
}

function fixture(limitBytes: number, shareBytes = Infinity): Fixture {
  const memory = createMemoryBudget(limitBytes)
  const account = memory.account(shareBytes)
  const seen: Array<readonly [string, number]> = []
  const lost: Array<readonly [number | undefined, string]> = []
  const refused: string[] = []
  const incoming = new IncomingLines({
    memory: () => account,
    message: (message, bytes) => void seen.push([message.kind, Math.max(bytes, memory.heldBytes)]),
    noMessage: () => void seen.push(['none', 0]),
    lostAnswer: (id, refusal) => void lost.push([id, refusal.code]),
    lostRequest: (id) => void refused.push(id),
  })
  return { memory, incoming, seen, lost, refused }
}

const answer = (members: string): string => `{"result":{"list":[${members}]},"jsonrpc":"2.0","id":65536}`

test('a short line costs nothing', () => {
  const { incoming, seen } = fixture(0)
  incoming.line(answer('1,2'))
  incoming.line('no message')
  expect(seen).toEqual([
    ['response', 0],
    ['none', 0],
  ])
})

test('each long message of an array is counted by itself', () => {
  const account = createMemoryBudget(10_000_000).account()
  const counted: number[] = []
  const incoming = new IncomingLines({
    memory: () => account,
    message: (_, bytes) => void counted.push(bytes),
    noMessage: () => undefined,
    lostAnswer: () => undefined,
    lostRequest: () => undefined,
  })
  const long = answer(`"${'x'.repeat(100_000)}"`)
  incoming.line(`[${long},${answer('1')},${long}]`)
  expect(counted).toHaveLength(3)
  expect(counted[0]).toBeGreaterThan(200_000)
  expect(counted[1]).toBe(0)
  expect(counted[2]).toBeGreaterThan(200_000)
  expect(account.heldBytes).toBe(0)
})

test('the text and value of a long line are counted while it is handled', () => {
  const { memory, incoming, seen } = fixture(10_000_000)
  const text = answer(`"${'x'.repeat(100_000)}"`)
  incoming.line(text)
  expect(seen[0]?.[1]).toBeGreaterThanOrEqual(2 * text.length)
  expect(memory.heldBytes).toBe(0)
})

test('a line for which there is no memory ends the call that it answers, and is not parsed', () => {
  const dense = answer(`${'[],'.repeat(50_000)}[]`)
  const short = fixture(1_000_000)
  short.incoming.line(dense)
  expect([short.seen, short.lost]).toEqual([[], [[65536, 'overloaded']]])
  const narrow = fixture(100_000_000, 1_000_000)
  narrow.incoming.line(dense)
  narrow.incoming.dropped({ bytes: 1, head: '', tail: ',"id":7}', why: 'too_long' })
  expect(narrow.lost).toEqual([
    [65536, 'result_too_large'],
    [7, 'result_too_large'],
  ])
})

test('a request for which there is no memory is answered, and not taken for a response', () => {
  const { incoming, lost, refused } = fixture(0)
  const long = 'x'.repeat(100_000)
  incoming.line(`{"method":"elicitation/create","params":{"message":"${long}"},"jsonrpc":"2.0","id":65536}`)
  incoming.line(`{"jsonrpc":"2.0","id":"a-1","method":"sampling/createMessage","params":{"x":"${long}"}}`)
  incoming.dropped({
    bytes: 1,
    head: '{"jsonrpc":"2.0","method":"roots/list","par',
    tail: '},"id":3}',
    why: 'too_long',
  })
  incoming.line(`{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${long}","id":7}}`)
  expect([refused, lost]).toEqual([['65536', '"a-1"', '3'], []])
})

test('a lost line that answers no request ends no call', () => {
  const { incoming, lost } = fixture(0)
  incoming.dropped({ bytes: 1, head: '{"method":"x"', tail: '"}}', why: 'too_long' })
  incoming.dropped({ bytes: 1, head: '{"id":7,', tail: '', why: 'unended' })
  expect(lost).toEqual([])
})
