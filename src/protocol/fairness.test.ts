import { expect, test } from 'vitest'
import { byTenant, claimantOf, fairPathOf } from './fairness.ts'

test('users behind one connection take turns of their own, and all others those of their connection', () => {
  const ann = { tenant: 'acme', issuer: 'proxy', subject: 'ann' }
  expect(claimantOf(ann, 'c1')).toBe(claimantOf({ ...ann }, 'c2'))
  expect(claimantOf(ann, 'c1')).not.toBe(claimantOf({ ...ann, subject: 'ben' }, 'c1'))
  expect(claimantOf(ann, 'c1')).not.toBe(claimantOf({ ...ann, issuer: 'keys' }, 'c1'))
  expect(claimantOf({ tenant: 'acme', subject: 'anonymous' }, 'c1')).toBe('c1')
})

test('tenants share by their weights, and what is below them in equal parts', () => {
  const { weightOf } = byTenant((tenant) => (tenant === 'acme' ? 4 : 1))
  expect([weightOf?.(['acme']), weightOf?.(['other']), weightOf?.(['acme', 'session'])]).toEqual([4, 1, 1])
  expect(fairPathOf({ principal: { tenant: 'acme' }, fairnessKey: 'session' })).toEqual(['acme', 'session'])
})
