import { expect, test } from 'vitest'
import { createEvents, type SessionEnded } from '../base/events.ts'
import { sessionLabel } from '../base/ids.ts'
import { ClosedSessions } from './closed-sessions.ts'

const ended: SessionEnded = {
  session: 'one',
  tenant: 't',
  reason: 'idle',
  ageMs: 1,
  calls: 0,
  client: 'Cursor',
  lastError: undefined,
}

test('the last 10,000 ends are kept, the last one first', () => {
  const events = createEvents()
  const closed = new ClosedSessions(events)
  for (let count = 0; count < 10_005; count++) events.emit('sessionEnded', { ...ended, session: `session ${count}` })
  const { total, sessions } = closed.page({ skip: 0, limit: 2 })
  expect(total).toBe(10_000)
  expect(sessions.map(({ label }) => label)).toEqual([sessionLabel('session 10004'), sessionLabel('session 10003')])
  const { sessions: last } = closed.page({ skip: 9999, limit: 5 })
  expect(last.map(({ label }) => label)).toEqual([sessionLabel('session 5')])
})

test('they are found by client and reason; the id is not kept', () => {
  const events = createEvents()
  const closed = new ClosedSessions(events)
  events.emit('sessionEnded', ended)
  events.emit('sessionEnded', { ...ended, client: undefined, reason: 'evicted' })
  expect(closed.page({ skip: 0, limit: 9, client: 'curs' })).toMatchObject({ total: 1, sessions: [{ reason: 'idle' }] })
  expect(closed.page({ skip: 0, limit: 9, reason: 'evicted' })).toMatchObject({ total: 1 })
  events.emit('sessionEnded', { ...ended, tenant: 'other' })
  expect(closed.page({ skip: 0, limit: 9, tenant: 'other' })).toMatchObject({
    total: 1,
    sessions: [{ tenant: 'other' }],
  })
  expect(JSON.stringify(closed.page({ skip: 0, limit: 9 }))).not.toContain('"one"')
})
