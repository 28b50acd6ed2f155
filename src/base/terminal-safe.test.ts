import fc from 'fast-check'
import { expect, test } from 'vitest'
import { terminalSafe, terminalSafeLine } from './terminal-safe.ts'

const escapes = fc.constantFrom(
  '\u001b[2J',
  '\u001b]0;title\u0007',
  '\u009b31m',
  '\u0000',
  '\u0008',
  '\r',
  '\u202e',
  '\u2066',
)

test('nothing is left that controls a terminal, and plain words stay as they are', () => {
  const words = fc.stringMatching(/^[a-zäß ]*$/)
  fc.assert(
    fc.property(fc.array(fc.tuple(words, escapes)), fc.string({ unit: 'binary' }), (pieces, noise) => {
      expect(terminalSafe(pieces.flat().join('')).replaceAll(/[^a-zäß ]/g, '')).toBe(
        terminalSafe(pieces.flat().join('')),
      )
      expect(terminalSafe(noise)).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
    }),
  )
  expect(terminalSafe('a\tb\n\u001b[31mc')).toBe('a\tb\nc')
})

test('a text becomes one line of at most the given length', () => {
  expect(terminalSafeLine('\u001b[1m a\n  b\t', 10)).toBe('a b')
  expect(terminalSafeLine('x'.repeat(50), 10)).toBe(`${'x'.repeat(9)}…`)
})
