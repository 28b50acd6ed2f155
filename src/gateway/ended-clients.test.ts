import { expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import type { Speaker } from '../protocol/call.ts'
import { createEndedClients } from './ended-clients.ts'

const client = (name: string): Speaker => ({ era: 'legacy', version: '2025-06-18', capabilities: {}, info: { name } })

test('a client is remembered once, and for an hour', () => {
  const clock = manualClock()
  const ended = createEndedClients(clock)
  ended.add('a', client('a'))
  ended.add('b', client('b'))
  clock.advance(59 * 60_000)
  expect([ended.take('a'), ended.take('a')]).toEqual([client('a'), undefined])
  clock.advance(60_000)
  expect(ended.take('b')).toBeUndefined()
})

test('the last thousand are remembered, and none that said a lot of itself', () => {
  const ended = createEndedClients(manualClock())
  for (let i = 0; i < 1001; i++) ended.add(`${i}`, client(`${i}`))
  expect(ended.take('0')).toBeUndefined()
  expect(ended.take('1')).toEqual(client('1'))
  ended.add('large', client('x'.repeat(20_000)))
  expect(ended.take('large')).toBeUndefined()
})
