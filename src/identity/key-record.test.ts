import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type KeyRecord, readKeyLine, readKeyRecord, writeKeyLine, writeKeyRecord } from './key-record.ts'

const text = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((one) => one.trim() === one && !/\p{Cc}|\p{Cf}|\p{Cs}/u.test(one) && one.length <= 256)
const time = fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => seconds * 1000)
const id = fc.string({ unit: fc.constantFrom(...'abcxyz0189'.split('')), minLength: 12, maxLength: 12 })
const hash = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'.split('')), minLength: 64, maxLength: 64 })
const record = fc.record(
  {
    id,
    hash,
    tenant: fc.constantFrom('default', 'acme', 'A_b-9'),
    subject: text,
    name: text,
    scopes: fc.array(fc.constantFrom('mcp:tools', 'a+b', 'c=d', 'x,y'), { minLength: 1 }),
    createdAtMs: time,
    expiresAtMs: time,
    revokedAtMs: time,
  },
  { requiredKeys: ['id', 'hash', 'tenant', 'subject'] },
) as fc.Arbitrary<KeyRecord>

test('a record is the same after it was written as JSON and read', () => {
  fc.assert(
    fc.property(record, (key) => {
      expect(readKeyRecord(JSON.parse(JSON.stringify(writeKeyRecord(key))))).toEqual(key)
    }),
  )
})

test('a record is the same after it was written as a line and read, but for the times that a line does not have', () => {
  fc.assert(
    fc.property(record, ({ createdAtMs: _made, revokedAtMs: _revoked, ...key }) => {
      expect(readKeyLine(writeKeyLine(key))).toEqual(key)
    }),
  )
})

const good = { id: 'abcdefghij01', hash: '0'.repeat(64), subject: 'ann' }

describe('what is no record is not taken for one', () => {
  test.each<[string, unknown]>([
    ['nothing', null],
    ['a list', [good]],
    ['no id', { ...good, id: undefined }],
    ['an id in capital letters', { ...good, id: 'ABCDEFGHIJ01' }],
    ['a short hash', { ...good, hash: '00' }],
    ['no subject', { ...good, subject: undefined }],
    ['an empty subject', { ...good, subject: '' }],
    ['a subject with a line break', { ...good, subject: 'a\nb' }],
    ['half a character', { ...good, subject: '\ud800' }],
    ['a tenant with a slash', { ...good, tenant: 'a/b' }],
    ['scopes that are a text', { ...good, scopes: 'a' }],
    ['no scopes at all', { ...good, scopes: [] }],
    ['a scope with a blank', { ...good, scopes: ['a b'] }],
    ['an end that is no time', { ...good, expiresAt: 'soon' }],
    ['an end that is a number', { ...good, expiresAt: 1 }],
    ['a misspelt end', { ...good, expires: '2027-01-31' }],
    ['a revocation that is no time', { ...good, revoked: true }],
    ['an end on the 40th of a month', { ...good, expiresAt: '2027-01-40' }],
  ])('%s', (_, value) => {
    expect(readKeyRecord(value)).toHaveProperty('fault')
  })

  test.each(['', 'abc', `${good.id} ${good.hash}`, `${good.id} ${good.hash} subject=ann subject=bob`])(
    'the line %j',
    (line) => expect(readKeyLine(line)).toBeUndefined(),
  )
})
