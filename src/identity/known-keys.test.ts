import { describe, expect, test } from 'vitest'
import { newApiKey } from './api-key.ts'
import type { KeyRecord } from './key-record.ts'
import { KnownKeys } from './known-keys.ts'

const of = (subject: string, more: Partial<KeyRecord> = {}): { text: string; record: KeyRecord } => {
  const { id, text, hash } = newApiKey()
  return { text, record: { id, hash, tenant: 'acme', subject, ...more } }
}
const nowMs = 1000
const ann = of('ann')
const bob = of('bob', { revokedAtMs: 1 })
const cat = of('cat', { expiresAtMs: nowMs })
const keys = new KnownKeys([ann.record, bob.record, cat.record])

test('a key is the principal that its record names', () => {
  expect(keys.check(ann.text, nowMs)).toEqual({
    principal: { tenant: 'acme', subject: 'ann', issuer: 'keys', keyId: ann.record.id },
  })
})

describe('a key is not accepted', () => {
  const stranger = of('ann')
  const forged = new KnownKeys([{ ...ann.record, hash: stranger.record.hash }])
  test.each<[string, KnownKeys, string, string]>([
    ['that is none', keys, 'mcpx_', 'malformed'],
    ['that is empty', keys, '', 'malformed'],
    ['that is not known', keys, stranger.text, 'unknown_key'],
    ['with another secret', forged, ann.text, 'wrong_secret'],
    ['that is revoked', keys, bob.text, 'revoked'],
    ['from its end on', keys, cat.text, 'expired'],
  ])('%s', (_, known, text, fault) => {
    expect(known.check(text, nowMs)).toMatchObject({ fault })
  })
})

test('a key works up to its end', () => {
  expect(keys.check(cat.text, nowMs - 1)).toHaveProperty('principal')
})

test('what began with a key is good as long as the key is, and of the same subject', () => {
  const decision = keys.check(ann.text, nowMs)
  if (!('principal' in decision)) throw new Error('not accepted')
  const { principal } = decision
  expect(keys.isValid(principal, nowMs)).toBe(true)
  expect(new KnownKeys([]).isValid(principal, nowMs)).toBe(false)
  expect(new KnownKeys([{ ...ann.record, revokedAtMs: 1 }]).isValid(principal, nowMs)).toBe(false)
  expect(new KnownKeys([{ ...ann.record, expiresAtMs: nowMs }]).isValid(principal, nowMs)).toBe(false)
  expect(new KnownKeys([{ ...ann.record, subject: 'bob' }]).isValid(principal, nowMs)).toBe(false)
  expect(new KnownKeys([{ ...ann.record, tenant: 'other' }]).isValid(principal, nowMs)).toBe(false)
})

test('a subject with another key stays known when one of its keys is revoked', () => {
  const principal = { tenant: 'acme', subject: 'ann', issuer: 'keys' }
  const second = of('ann')
  expect(new KnownKeys([{ ...ann.record, revokedAtMs: 1 }, second.record]).hasOwner(principal, nowMs)).toBe(true)
  expect(new KnownKeys([{ ...ann.record, revokedAtMs: 1 }]).hasOwner(principal, nowMs)).toBe(false)
})

test('a subject is not known any more from the end of its last key on', () => {
  const first = of('ann', { expiresAtMs: nowMs })
  const last = of('ann', { expiresAtMs: nowMs + 1 })
  const known = new KnownKeys([first.record, last.record])
  for (const { text } of [first, last]) {
    const decision = known.check(text, nowMs - 1)
    if (!('principal' in decision)) throw new Error('not accepted')
    expect(known.hasOwner(decision.principal, nowMs)).toBe(true)
    expect(known.hasOwner(decision.principal, nowMs + 1)).toBe(false)
  }
})
