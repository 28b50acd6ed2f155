import { expect, test } from 'vitest'
import { Cancel } from '../base/cancel.ts'
import type { Principal } from '../protocol/call.ts'
import { GatedRequest } from './gated-request.ts'

function claimantOf(connection: string, principal: Principal): string {
  const closed = new Cancel()
  const body = (): Promise<string> => Promise.resolve('')
  const request = new GatedRequest({ method: 'POST', path: '/mcp', headers: {}, connection, body, closed })
  request.principal = principal
  return request.claimant
}

test('users take turns with each other, whichever connection they come over; without credentials connections do', () => {
  const ann = { tenant: 'acme', subject: 'ann', issuer: 'proxy' }
  const all = [
    claimantOf('c1', ann),
    claimantOf('c2', { ...ann }),
    claimantOf('c1', { ...ann, subject: 'bob' }),
    claimantOf('c1', { ...ann, issuer: 'keys' }),
    claimantOf('c1', { ...ann, tenant: 'other' }),
  ]
  expect(new Set(all).size).toBe(4)
  expect(all[0]).toBe(all[1])
  const anonymous = { tenant: 'default', subject: 'anonymous' }
  expect([claimantOf('c1', anonymous), claimantOf('c2', anonymous)]).toEqual(['c1', 'c2'])
})
