import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hashOfSecret, keyHashShape, keyIdShape, newApiKey, readApiKey } from './api-key.ts'

test('a new key is read as it was made, and its hash is that of its secret', () => {
  for (let count = 0; count < 100; count++) {
    const { id, text, hash } = newApiKey()
    expect(id).toMatch(keyIdShape)
    expect(hash).toMatch(keyHashShape)
    expect(text).toMatch(/^mcpx_[a-z0-9]{12}_[A-Za-z0-9]{43}_[0-9a-f]{8}$/)
    const read = readApiKey(text)
    expect(read?.id).toBe(id)
    expect(hashOfSecret(id, read?.secret ?? '').toString('hex')).toBe(hash)
    expect(text).not.toContain(hash)
  }
})

test('no two keys have an id or a secret in common', () => {
  const made = Array.from({ length: 1000 }, () => readApiKey(newApiKey().text))
  expect(new Set(made.map((key) => key?.id)).size).toBe(1000)
  expect(new Set(made.map((key) => key?.secret)).size).toBe(1000)
})

test('a key with one other character, or one more or less, is no key', () => {
  const { text } = newApiKey()
  const visible = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code))
  fc.assert(
    fc.property(fc.nat(text.length - 1), visible, (at, char) => {
      fc.pre(text[at] !== char)
      expect(readApiKey(text.slice(0, at) + char + text.slice(at + 1))).toBeUndefined()
      expect(readApiKey(text.slice(0, at) + char + text.slice(at))).toBeUndefined()
      expect(readApiKey(text.slice(0, at) + text.slice(at + 1))).toBeUndefined()
    }),
  )
})

test('the hash of a secret is another one under another id', () => {
  expect(hashOfSecret('a', 'secret').equals(hashOfSecret('b', 'secret'))).toBe(false)
})
