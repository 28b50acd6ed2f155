import { expect, test } from 'vitest'
import { Cancel } from '../../base/cancel.ts'
import { manualClock } from '../../base/clock.ts'
import type { Call, InputRequest } from '../../protocol/call.ts'
import type { Answer } from '../../protocol/jsonrpc.ts'
import type { CallWait } from '../wait-notices.ts'
import { WaitingCalls } from './waiting-calls.ts'

/** An input request, and its answers. */
function question(): { inputRequest: InputRequest; answers: Answer[] } {
  const answers: Answer[] = []
  const answer = (one: Answer): void => void answers.push(one)
  return {
    inputRequest: { kind: 'input_request', method: 'roots/list', params: undefined, answer, withdrawn: new Cancel() },
    answers,
  }
}

/** What a call needs, resolved by the test. */
function need(): { needed: Promise<string>; give: (value: string) => void; refuse: (error: Error) => void } {
  let [give, refuse]: [(value: string) => void, (error: Error) => void] = [() => {}, () => {}]
  const needed = new Promise<string>((resolve, reject) => ([give, refuse] = [resolve, reject]))
  return { needed, give, refuse }
}

const clock = manualClock()

/** A wait of a call whose client wants log messages. */
function wait<Given>(given: Promise<Given>, giveBack: (given: Given) => void = () => {}): CallWait<Given> {
  const call = { session: 's' } as Call
  return { call, given, giveBack, place: () => ({ ahead: 1, expectedMs: 2500 }), clock }
}

test('a client is told after five seconds of waiting, and again, how far its call is', async () => {
  const calls = new WaitingCalls()
  const { needed, give } = need()
  const call = calls.until(wait(needed))
  for (let times = 0; times < 2; times++) {
    const told = call.next()
    clock.advance(5000)
    expect((await told).value).toMatchObject({
      method: 'notifications/message',
      params: { value: { level: 'info', data: 'The call waits for its turn: place 2 in line, about 3 s from now.' } },
    })
  }
  const end = call.next()
  give('a process')
  expect(await end).toEqual({ done: true, value: 'a process' })
})

test('an input request goes to the call that has waited longest, and not to one that waits no more', async () => {
  const calls = new WaitingCalls()
  expect(calls.take(question().inputRequest)).toBe(false)
  const [first, second] = [need(), need()]
  const left: string[] = []
  const [one, other] = [first, second].map(({ needed }) => calls.until(wait(needed, (value) => left.push(value))))
  const [asked, waits] = [one?.next(), other?.next()]
  const { inputRequest } = question()
  expect(calls.take(inputRequest)).toBe(true)
  expect(await asked).toEqual({ done: false, value: inputRequest })
  const end = one?.next()
  first.give('a process')
  expect(await end).toEqual({ done: true, value: 'a process' })
  expect(calls.take(inputRequest)).toBe(true)
  expect(await waits).toEqual({ done: false, value: inputRequest })
  const refused = other?.next()
  second.refuse(new Error('none to be had'))
  await expect(refused).rejects.toThrow('none to be had')
  expect(calls.take(inputRequest)).toBe(false)
  expect(left).toEqual([])
})

test('a call that ends while its client is asked gives back its worker, and answers input requests that were not sent', async () => {
  const calls = new WaitingCalls()
  const left: string[] = []
  const { needed, give } = need()
  const call = calls.until(wait(needed, (value) => left.push(value)))
  const asked = call.next()
  const [seen, unseen] = [question(), question()]
  calls.take(seen.inputRequest)
  calls.take(unseen.inputRequest)
  await asked
  await call.return(undefined as never)
  expect([seen.answers, unseen.answers.map(({ kind }) => kind)]).toEqual([[], ['error']])
  expect(calls.take(question().inputRequest)).toBe(false)
  give('a process')
  await needed
  expect(left).toEqual(['a process'])
})

test('a worker goes back after two seconds if the client of the call has not read what it was told', async () => {
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  const left: string[] = []
  const { needed, give } = need()
  const call = new WaitingCalls().until(wait(needed, (value) => left.push(value)))
  const told = call.next()
  clock.advance(5000)
  expect((await told).value).toHaveProperty('method', 'notifications/message')
  give('a process')
  await settled()
  clock.advance(1999)
  await settled()
  expect(left).toEqual([])
  clock.advance(1)
  await settled()
  expect(left).toEqual(['a process'])
  await expect(call.next()).rejects.toMatchObject({ code: 'overloaded' })
  expect(left, 'once').toHaveLength(1)
})
