import { expect, test } from 'vitest'
import { BodyChunks } from './body-chunks.ts'

const text = '{"a":"é€😀"}'.repeat(400)

test.each([1, 2, 3, 7, 100, 1024, 5000, 1_000_000])('a text in pieces of %i bytes is decoded unchanged', (length) => {
  const bytes = Buffer.from(text)
  const chunks = new BodyChunks()
  for (let at = 0; at < bytes.length; at += length) chunks.add(bytes.subarray(at, at + length))
  expect(chunks.size).toBe(bytes.length)
  expect(chunks.text()).toBe(text)
})

test('a body without bytes is an empty text', () => {
  expect(new BodyChunks().text()).toBe('')
})

test('bytes that are not UTF-8 are refused, and added pieces are not modified', () => {
  const chunks = new BodyChunks()
  const piece = Buffer.from([0x22, 0xc3])
  chunks.add(piece.subarray(0, 1))
  chunks.add(piece.subarray(1))
  chunks.add(Buffer.from([0x22]))
  expect(() => chunks.text()).toThrow('UTF-8')
  expect([...piece]).toEqual([0x22, 0xc3])
})

test('growth tells beforehand by how many bytes the memory grows', () => {
  const chunks = new BodyChunks(5000)
  const pieces = [1500, 100, 1000, 2400]
  const growths = pieces.map((length) => {
    const growth = chunks.growth(length)
    chunks.add(Buffer.alloc(length, 'x'))
    return growth
  })
  expect(growths).toEqual([1500, 1500, 0, 2000])
  expect(chunks.text()).toBe('x'.repeat(5000))
})

test('a small piece of a large buffer does not keep the buffer in memory', () => {
  const large = Buffer.alloc(65_536, 'x')
  const chunks = new BodyChunks()
  chunks.add(large.subarray(0, 3))
  large.fill('y')
  expect(chunks.text()).toBe('xxx')
})
