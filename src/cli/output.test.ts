import { describe, expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { createOutput, type WriteOutcome, type Output } from './output.ts'

/** An output to a writer that behaves as `take` says, and what was written. */
function place(take: (bytes: Buffer) => WriteOutcome): {
  output: Output
  text: () => string
  clock: ReturnType<typeof manualClock>
} {
  const clock = manualClock()
  let taken: Buffer = Buffer.alloc(0)
  const output = createOutput((bytes) => {
    const outcome = take(bytes)
    taken = Buffer.concat([taken, bytes.subarray(0, outcome.taken)])
    return outcome
  }, clock)
  output.tellLost((lost) => `lost ${lost}\n`)
  return { output, text: () => taken.toString(), clock }
}

const full = { taken: 0, code: 'EAGAIN' }
const broken = { taken: 0, code: 'ENOSPC' }

/** Advances the clock and lets pending promises settle. */
const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

test('text is written at once if it can be', () => {
  const { output, text } = place((bytes) => ({ taken: bytes.length }))
  output.write('a\n')
  output.write('b\n')
  expect(text()).toBe('a\nb\n')
  expect(output.lost).toBe(0)
})

test('text that is written byte by byte arrives whole and in order', async () => {
  let calls = 0
  const { output, text, clock } = place(() => (calls++ % 2 === 0 ? full : { taken: 1 }))
  for (const word of ['one\n', 'zwö\n', '三\n']) output.write(word)
  for (let i = 0; i < 40; i++) {
    clock.advance(50)
    await settle()
  }
  expect(text()).toBe('one\nzwö\n三\n')
  expect(output.lost).toBe(0)
})

describe('text that cannot be written', () => {
  test('is counted, and reported once writing works again, before later text', async () => {
    let isBroken = true
    const { output, text, clock } = place((bytes) => (isBroken ? broken : { taken: bytes.length }))
    for (let i = 0; i < 5; i++) output.write(`line ${i}\n`)
    expect(output.lost).toBe(5)
    clock.advance(1000)
    await settle()
    expect([text(), output.lost]).toEqual(['', 5])
    isBroken = false
    clock.advance(1000)
    await settle()
    output.write('after\n')
    await settle()
    expect(text()).toBe('lost 5\nafter\n')
    expect(output.lost).toBe(5)
  })

  test('is separated from later text by a line break', async () => {
    const outcomes: WriteOutcome[] = [{ taken: 3 }, broken]
    const { output, text, clock } = place((bytes) => outcomes.shift() ?? { taken: bytes.length })
    output.write('cut off\n')
    clock.advance(1000)
    await settle()
    output.write('after\n')
    await settle()
    expect(text()).toBe('cut\nlost 1\nafter\n')
  })

  test('is buffered up to a limit, and no further', async () => {
    let isFull = true
    const { output, text, clock } = place((bytes) => (isFull ? full : { taken: bytes.length }))
    const kilobyte = `${'x'.repeat(1023)}\n`
    for (let i = 0; i < 3000; i++) output.write(kilobyte)
    expect(output.lost).toBe(3000 - 1024)
    isFull = false
    clock.advance(50)
    await settle()
    expect(text()).toBe(`${kilobyte.repeat(1024)}lost ${3000 - 1024}\n`)
    output.write('after\n')
    await settle()
    expect(text().endsWith('\nafter\n')).toBe(true)
  })
})

describe('the end of the output', () => {
  test('does not wait if all is written, or nothing can be written', async () => {
    const good = place((bytes) => ({ taken: bytes.length }))
    good.output.write('a\n')
    await good.output.settled(1e9)
    const bad = place(() => broken)
    bad.output.write('a\n')
    await bad.output.settled(1e9)
    expect(bad.output.lost).toBe(1)
  })

  test('waits for a slow reader, and for one that does not read up to the given time', async () => {
    const { output, clock } = place(() => full)
    output.write('a\n')
    let isOver = false
    const end = output.settled(200).then(() => (isOver = true))
    clock.advance(199)
    await settle()
    expect(isOver).toBe(false)
    clock.advance(1)
    await end
  })
})
