import { expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { type CallEnded, createEvents } from '../base/events.ts'
import { RecentErrors } from './recent-errors.ts'

const call: CallEnded = {
  requestId: 'r',
  method: 'tools/call',
  tool: 'echo',
  tenant: 't',
  subject: 'ann',
  session: undefined,
  client: 'c',
  clientVersion: '1',
  upstream: 'files',
  era: 'stateless',
  upstreamEra: undefined,
  status: 'upstream_timeout',
  durationMs: 1,
  queueMs: undefined,
}

test('errors of the last hour are counted by kind, the most frequent first; what the client wanted is none', () => {
  const [events, clock] = [createEvents(), manualClock()]
  const recent = new RecentErrors(events, clock)
  events.emit('callEnded', call)
  events.emit('callEnded', { ...call, status: 'ok' })
  events.emit('callEnded', { ...call, status: 'cancelled' })
  events.emit('refused', { code: 'overloaded', tenant: undefined, client: undefined, requestId: 'r' })
  clock.advance(59 * 60_000)
  events.emit('refused', { code: 'overloaded', tenant: undefined, client: undefined, requestId: 'r' })
  expect(recent.list(10)).toMatchObject({
    total: 3,
    errors: [
      { reason: 'overloaded', client: undefined, count: 2 },
      { reason: 'upstream_timeout', client: 'c', tool: 'echo', upstream: 'files', count: 1 },
    ],
  })
  expect(recent.list(1)).toMatchObject({ total: 3, errors: [{ count: 2 }] })
  clock.advance(2 * 60_000)
  expect(recent.list(10)).toMatchObject({ total: 1, errors: [{ reason: 'overloaded', count: 1 }] })
  clock.advance(60 * 60_000)
  expect(recent.list(10)).toEqual({ total: 0, errors: [] })
})

test('errors are told apart by tenant, and found by it', () => {
  const [events, clock] = [createEvents(), manualClock()]
  const recent = new RecentErrors(events, clock)
  for (const tenant of ['acme', 'acme', 'other']) events.emit('callEnded', { ...call, tenant })
  events.emit('refused', { code: 'rate_limited', tenant: 'acme', client: undefined, requestId: 'r' })
  expect(recent.list(10).errors.map(({ tenant, count }) => [tenant, count])).toEqual([
    ['acme', 2],
    ['other', 1],
    ['acme', 1],
  ])
  expect(recent.list(10, 'other')).toMatchObject({ total: 1, errors: [{ tenant: 'other' }] })
  expect(recent.list(10, 'nobody')).toEqual({ total: 0, errors: [] })
})

test('clients with ever new names take a bounded memory, and none of their errors is lost', () => {
  const [events, clock] = [createEvents(), manualClock()]
  const recent = new RecentErrors(events, clock)
  for (let count = 0; count < 5000; count++) events.emit('callEnded', { ...call, client: `client ${count}` })
  const { total, errors } = recent.list(10_000)
  expect(total).toBe(5000)
  expect(errors.length).toBe(101)
  expect(errors[0]).toMatchObject({ reason: 'upstream_timeout', client: undefined, count: 4900 })
})

test('clients of one tenant with ever new names do not hide the errors of another', () => {
  const [events, clock] = [createEvents(), manualClock()]
  const recent = new RecentErrors(events, clock)
  for (let count = 0; count < 500; count++) events.emit('callEnded', { ...call, client: `client ${count}` })
  events.emit('callEnded', { ...call, tenant: 'other' })
  expect(recent.list(10, 'other')).toMatchObject({ total: 1, errors: [{ reason: 'upstream_timeout', count: 1 }] })
  expect(recent.list(10, 't').total).toBe(500)
  expect([recent.forget('t'), recent.list(10).total]).toEqual([500, 1])
  // Tenants without a name in the settings are as many as come.
  for (let count = 0; count < 500; count++) events.emit('callEnded', { ...call, tenant: `tenant ${count}` })
  for (let count = 0; count < 500; count++) events.emit('callEnded', { ...call, tenant: `tenant ${count + 500}` })
  const { total, errors } = recent.list(10_000)
  expect([total, errors.length]).toEqual([1001, 201])
})
