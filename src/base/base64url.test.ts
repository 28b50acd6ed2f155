import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromBase64url } from './base64url.ts'

test('any bytes survive encoding and decoding', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(fromBase64url(Buffer.from(bytes).toString('base64url'))).toEqual(Buffer.from(bytes))
    }),
  )
})

test('no two different texts decode to the same bytes', () => {
  const text = fc.string({
    unit: fc.constantFrom('A', 'Q', 'R', 'g', '-', '_', '+', '/', '=', ' ', '\n', 'é'),
    maxLength: 6,
  })
  const seen = new Map<string, string>()
  fc.assert(
    fc.property(text, (one) => {
      const bytes = fromBase64url(one)?.toString('hex')
      if (bytes === undefined) return
      expect(seen.get(bytes) ?? one).toBe(one)
      seen.set(bytes, one)
    }),
    { numRuns: 2000 },
  )
})

test.each(['QQ==', 'QQ=', 'Q Q', 'QQ\n', ' QQ', 'QR', 'Q', 'QQ!', 'QQ\u0000', '__8=', '//8', '++8'])(
  '%j is refused',
  (text) => expect(fromBase64url(text)).toBeUndefined(),
)
