import { expect, test } from 'vitest'
import { createEvents } from '../base/events.ts'
import { EndedWorkers } from './ended-workers.ts'

test('ends are counted for each upstream by reason, and those of a command line under its name', () => {
  const events = createEvents()
  const ended = new EndedWorkers(events)
  const one = { worker: 1, code: 0, signal: null, expected: true }
  events.emit('workerEnded', { ...one, reason: 'idle', upstream: 'files' })
  events.emit('workerEnded', { ...one, reason: 'idle', upstream: 'files' })
  events.emit('workerEnded', { ...one, reason: 'crash', upstream: 'files' })
  events.emit('workerEnded', { ...one, reason: 'client_gone' })
  expect([ended.of('files'), ended.of('server'), ended.of('other')]).toEqual([
    { idle: 2, crash: 1 },
    { client_gone: 1 },
    {},
  ])
})

test('of more upstreams than can be shown the oldest is forgotten', () => {
  const events = createEvents()
  const ended = new EndedWorkers(events)
  for (let at = 0; at <= 500; at++)
    events.emit('workerEnded', {
      worker: 1,
      code: 0,
      signal: null,
      expected: true,
      reason: 'idle',
      upstream: String(at),
    })
  expect([ended.of('0'), ended.of('1'), ended.of('500')]).toEqual([{}, { idle: 1 }, { idle: 1 }])
})
