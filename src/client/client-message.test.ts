import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RequestMessage } from '../protocol/jsonrpc.ts'
import { ClientMessage, ExpectedResponse } from './client-message.ts'

const requestOf = (method: string, id = '1'): RequestMessage => ({ kind: 'request', id, method, params: undefined })

test('a request changes its state only as the model allows', () => {
  const operation = fc.constantFrom('cancel' as const, 'answer' as const, 'notDelivered' as const)
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 12 }), (operations) => {
      const expected = new ExpectedResponse(requestOf('tools/call'))
      let isCancelled = false
      let isAnswered = false
      for (const name of operations) {
        expected[name]()
        if (name === 'cancel') isCancelled ||= !isAnswered
        else isAnswered = name === 'answer'
        assert.equal(expected.isAnswered, isAnswered)
        assert.equal(expected.state, isAnswered ? 'answered' : isCancelled ? 'cancelled' : 'awaited')
      }
    }),
  )
})

test('a message changes its state only as the model allows, and is closed for good', () => {
  const operation = fc.constantFrom('attempted' as const, 'notArrived' as const, 'close' as const, 'answer' as const)
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 12 }), fc.nat(2), (operations, count) => {
      const requests = Array.from({ length: count }, (_, id) => new ExpectedResponse(requestOf('ping', String(id))))
      const message = new ClientMessage('{}', requests)
      let state: ClientMessage['state'] = 'unsent'
      let left = count
      for (const name of operations) {
        if (name === 'close') message.close('not wanted')
        else if (name === 'answer') requests[--left]?.answer()
        else message.attempted(name === 'attempted')
        left = Math.max(0, left)
        if (name === 'close') state = 'closed'
        else if (name !== 'answer' && state !== 'closed') state = name === 'attempted' ? 'sent' : 'unsent'
        assert.equal(message.state, state)
        assert.equal(message.closed.cancelled, state === 'closed')
        assert.equal(message.isAwaited, state !== 'closed' && left > 0)
      }
    }),
  )
})

test('a message may be sent twice if each of its requests may run twice', () => {
  const messageOf = (...methods: string[]): ClientMessage =>
    new ClientMessage(
      '[]',
      methods.map((method, id) => new ExpectedResponse(requestOf(method, String(id)))),
    )
  expect(messageOf('tools/list', 'ping').isIdempotent).toBe(true)
  expect(messageOf('tools/list', 'tools/call').isIdempotent).toBe(false)
  expect(messageOf().isIdempotent).toBe(true)
})
