import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LineReader, type LostLine } from './lines.ts'
import { createMemoryBudget } from './memory-budget.ts'

function read(chunks: readonly Buffer[], maxLineBytes = 1 << 20): { lines: string[]; dropped: number[] } {
  const lines: string[] = []
  const dropped: number[] = []
  const reader = new LineReader(maxLineBytes, {
    line: (text) => void lines.push(text),
    dropped: ({ bytes }) => void dropped.push(bytes),
  })
  for (const chunk of chunks) {
    reader.push(chunk)
    // A pipe may reuse its memory.
    chunk.fill(0x21)
  }
  reader.end()
  return { lines, dropped }
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1
    chunks.push(Buffer.from(bytes.subarray(at, at + size)))
    at += size
  }
  return chunks
}

const text = fc.string({ unit: 'grapheme', maxLength: 40 }).map((value) => value.replaceAll(/[\r\n]/g, '·'))
const anySizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 10 })
const ending = fc.constantFrom('\n', '\r\n')

describe('lines of a pipe', () => {
  test('lines are the same however the bytes are cut into chunks, without blank lines', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(text, ending)), anySizes, (lines, sizes) => {
        const bytes = Buffer.from(lines.map(([line, end]) => line + end).join(''))
        const wanted = lines.map(([line]) => line).filter((line) => line.length > 0)
        expect(read(cut(bytes, sizes))).toEqual({ lines: wanted, dropped: [] })
      }),
    )
  })

  test('lines that are not valid UTF-8 are reported as garbled, however the bytes are cut', () => {
    const line = fc.constantFrom('plain', 'é', '\ufffd', 'bad \xff', '\xc3', '')
    fc.assert(
      fc.property(fc.array(line), anySizes, (lines, sizes) => {
        const isBad = (one: string): boolean => one === 'bad \xff' || one === '\xc3'
        const bytes = Buffer.concat(lines.map((one) => Buffer.from(`${one}\n`, isBad(one) ? 'latin1' : 'utf8')))
        const found: string[] = []
        const reader = new LineReader(1024, {
          line: (one) => void found.push(one),
          dropped: () => {},
          garbled: (one) => void found.push(`garbled: ${one}`),
        })
        for (const chunk of cut(bytes, sizes)) reader.push(chunk)
        const shown = lines.map((one) => (isBad(one) ? `garbled: ${one.replace(/[\xff\xc3]/, '\ufffd')}` : one))
        expect(found).toEqual(shown.filter((one) => one !== ''))
      }),
    )
  })

  test('which lines are dropped for their length does not depend on the chunks', () => {
    fc.assert(
      fc.property(
        fc.array(text),
        text,
        fc.integer({ min: 1, max: 60 }),
        anySizes,
        (lines, rest, maxLineBytes, sizes) => {
          const bytes = Buffer.from(lines.map((line) => line + '\n').join('') + rest)
          const fits = (line: string): boolean => Buffer.byteLength(line) <= maxLineBytes
          const lengths = lines.filter((line) => !fits(line)).map((line) => Buffer.byteLength(line))
          expect(read(cut(bytes, sizes), maxLineBytes)).toEqual({
            lines: lines.filter((line) => line.length > 0 && fits(line)),
            dropped: rest.length > 0 ? [...lengths, Buffer.byteLength(rest)] : lengths,
          })
        },
      ),
    )
  })

  test('a line of exactly the limit passes, one byte more is dropped', () => {
    expect(read([Buffer.from('1234\n12345\n1234\n')], 4)).toEqual({ lines: ['1234', '1234'], dropped: [5] })
  })

  test('a line that is too long keeps no memory', () => {
    const reader = new LineReader(1024, { line: () => {}, dropped: () => {} })
    const chunk = Buffer.alloc(64 * 1024, 'x')
    reader.push(chunk)
    const before = process.memoryUsage().arrayBuffers
    for (let turn = 0; turn < 256; turn += 1) reader.push(chunk)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024)
  })

  test('a carriage return within a line, or alone on one, does not end a line', () => {
    expect(read([Buffer.from('a\rb\n\r\nc\r\n')])).toEqual({ lines: ['a\rb', 'c'], dropped: [] })
  })

  test('bytes that are not UTF-8 affect only their own line', () => {
    expect(read([Buffer.from([0xff, 0x0a, 0x61, 0x0a])]).lines).toEqual(['\ufffd', 'a'])
  })
})

describe('a dropped line', () => {
  const lostOf = (chunks: readonly string[], limitBytes = 1 << 20): { lines: string[]; lost: LostLine[] } => {
    const lines: string[] = []
    const lost: LostLine[] = []
    const sink = { line: (one: string) => void lines.push(one), dropped: (one: LostLine) => void lost.push(one) }
    const reader = new LineReader(1000, sink, createMemoryBudget(limitBytes).account())
    for (const chunk of chunks) reader.push(Buffer.from(chunk))
    reader.end()
    return { lines, lost }
  }

  test('is reported with its first and last bytes, however it was cut', () => {
    const line = `{"id":7,${'x'.repeat(2000)},"id":8}`
    const wanted = { bytes: line.length, head: line.slice(0, 256), tail: line.slice(-256), why: 'too_long' }
    fc.assert(
      fc.property(anySizes, (sizes) => {
        const chunks = cut(Buffer.from(`{"a":1}\n${line}\n{"b":2}\n`), sizes).map(String)
        expect(lostOf(chunks)).toEqual({ lines: ['{"a":1}', '{"b":2}'], lost: [wanted] })
      }),
    )
    expect(lostOf([`${line}\n{"b":2}\n`])).toEqual({ lines: ['{"b":2}'], lost: [wanted] })
  })

  test('is reported as too long or as without an end', () => {
    expect(lostOf(['abc']).lost).toEqual([{ bytes: 3, head: 'abc', tail: 'abc', why: 'unended' }])
    expect(lostOf(['x'.repeat(2000)]).lost[0]?.why).toBe('too_long')
  })
})

describe('the memory of a begun line', () => {
  const mebibyte = 1024 ** 2
  const piece = Buffer.alloc(64 * 1024, 'x')

  test('is counted until the line is complete or dropped', () => {
    const memory = createMemoryBudget(8 * mebibyte)
    const lengths: number[] = []
    const sink = { line: (one: string) => void lengths.push(one.length), dropped() {} }
    const reader = new LineReader(4 * mebibyte, sink, memory.account())
    for (let i = 0; i < 24; i++) reader.push(piece)
    expect(memory.heldBytes).toBe(2 * mebibyte)
    reader.push(Buffer.from('\n'))
    expect([memory.heldBytes, lengths]).toEqual([0, [1.5 * mebibyte]])
    for (let i = 0; i < 24; i++) reader.push(piece)
    reader.end()
    expect(memory.heldBytes).toBe(0)
  })

  test('is refused without room in the budget only beyond 256 KiB', () => {
    const memory = createMemoryBudget(mebibyte)
    memory.account().add(mebibyte)
    const lost: LostLine[] = []
    const lines: string[] = []
    const sink = { line: (one: string) => void lines.push(one), dropped: (one: LostLine) => void lost.push(one) }
    const reader = new LineReader(4 * mebibyte, sink, memory.account())
    for (let i = 0; i < 4; i++) reader.push(piece)
    reader.push(Buffer.from('\n'))
    expect(lines.map((one) => one.length)).toEqual([mebibyte / 4])
    for (let i = 0; i < 5; i++) reader.push(piece)
    expect(memory.heldBytes).toBe(mebibyte)
    reader.push(Buffer.from('\nnext\n'))
    expect(lost).toMatchObject([{ bytes: 5 * piece.length, why: 'budget' }])
    expect(lines.at(-1)).toBe('next')
  })
})
