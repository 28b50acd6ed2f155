import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { callStream, eventId, listenStream, parseEventId, requestOf, shortName } from './event-id.ts'

const instance = shortName()
const requestId = fc.oneof(
  fc.maxSafeInteger().map(String),
  fc.string({ maxLength: 20 }).map((text) => JSON.stringify(text)),
  fc.constantFrom('0', '-1', '1e3', '12345678901234567890', '"a.b.c"', '"~"', '"é😀"', '"\\u0061"'),
)
const position = fc.record({
  epoch: fc.string({ unit: fc.constantFrom(...'azAZ09-_'.split('')), minLength: 1, maxLength: 64 }),
  offset: fc.integer({ min: 0, max: 999_999_999_999_999 }),
})
const stream = fc.oneof(
  fc.constant(listenStream),
  fc.tuple(fc.nat(), fc.option(requestId, { nil: undefined })).map(([number, id]) => callStream(instance, number, id)),
)

describe('an event id', () => {
  test('is read back as the stream and the position it was made of', () => {
    fc.assert(
      fc.property(stream, position, (name, at) => {
        expect(parseEventId(eventId(name, at))).toEqual({ stream: name, position: at })
      }),
    )
  })

  test('is one line of visible ASCII without a space, as a header and an SSE field must be', () => {
    fc.assert(
      fc.property(stream, position, (name, at) => {
        expect(eventId(name, at)).toMatch(/^[!-~]+$/)
      }),
    )
  })

  test('differs for different events', () => {
    fc.assert(
      fc.property(stream, position, stream, position, (one, at, other, elsewhere) => {
        const isSame = one === other && at.epoch === elsewhere.epoch && at.offset === elsewhere.offset
        expect(eventId(one, at) === eventId(other, elsewhere)).toBe(isSame)
      }),
    )
  })

  test('has one form only: no other text names the same event', () => {
    const odd = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom(...'l0az~.-_9 \n'.split('')), maxLength: 30 }),
      fc
        .tuple(stream, position, fc.constantFrom('', ' ', '\n', '.', '0', '~'))
        .map(([name, at, tail]) => eventId(name, at) + tail),
    )
    fc.assert(
      fc.property(odd, (text) => {
        const read = parseEventId(text)
        fc.pre(read !== undefined)
        expect(Number(text.split('.').at(-1))).toBe(read?.position.offset)
        expect(text.startsWith(`${read?.stream}.${read?.position.epoch}.`)).toBe(true)
        expect(text).not.toMatch(/\s/)
      }),
      { numRuns: 1000 },
    )
  })
})

test.each(['l.e.00', 'l.e.01', 'l.e.-1', 'l.e.1e1', 'l.e.0x1', 'l.e.', 'l..1', 'L.e.1'])(
  '%s is no event id',
  (text) => {
    expect(parseEventId(text)).toBeUndefined()
  },
)

describe('the stream of a call', () => {
  test('contains the id of its request unchanged, if the id is short', () => {
    fc.assert(
      fc.property(fc.nat(), requestId, (number, id) => {
        expect(requestOf(callStream(instance, number, id))).toBe(id.length <= 64 ? id : undefined)
      }),
    )
    expect(requestOf(callStream(instance, 1, JSON.stringify('x'.repeat(63))))).toBeUndefined()
  })

  test('differs for each number, and from every stream without a call', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), requestId, (one, other, id) => {
        expect(callStream(instance, one, id) === callStream(instance, other, id)).toBe(one === other)
        expect(callStream(instance, one, undefined)).not.toBe(listenStream)
      }),
    )
    expect(requestOf(listenStream)).toBeUndefined()
  })

  test('differs between instances, whatever their numbers', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), requestId, (one, other, id) => {
        expect(callStream('aaaaaa', one, id)).not.toBe(callStream('aaaaab', other, id))
      }),
    )
  })

  test('contains no id if the encoding is not the exact one', () => {
    const name = callStream(instance, 1, '17')
    expect(name).toMatch(/~MTc$/)
    for (const one of [`${name}=`, `${name} `, name.replace('MTc', 'MTd'), name.replace('MTc', 'M-Tc')]) {
      expect(requestOf(one)).toBeUndefined()
    }
  })

  test('with a forged name yields at most an id on one line', () => {
    const forged = fc.oneof(
      fc.json(),
      fc.constantFrom('1\n', '\n"a"', ' 1', '1\r\n\r\ndata: x', '"a"\n\n'),
      fc.string(),
    )
    fc.assert(
      fc.property(forged, (text) => {
        const id = requestOf(`0~${Buffer.from(text).toString('base64url')}`)
        fc.pre(id !== undefined)
        expect(['string', 'number']).toContain(typeof JSON.parse(id ?? ''))
        expect(id).not.toMatch(/[\r\n]/)
      }),
    )
  })
})
