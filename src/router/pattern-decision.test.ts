import { expect, test } from 'vitest'
import { decide, partsOf } from './pattern-decision.ts'

test.each([
  { patterns: [], names: ['a'], isAllowed: true, pattern: undefined },
  { patterns: ['b*', 'a*'], names: ['ab'], isAllowed: true, pattern: 'a*' },
  { patterns: ['b*'], names: ['ab'], isAllowed: false, pattern: undefined },
  { patterns: ['a*', '!ab'], names: ['ab'], isAllowed: false, pattern: '!ab' },
  { patterns: ['!x'], names: ['ab'], isAllowed: true, pattern: undefined },
  { patterns: ['short*'], names: ['long', 'short_1'], isAllowed: true, pattern: 'short*' },
])('$patterns of $names: $isAllowed by $pattern', ({ patterns, names, ...decision }) => {
  expect(decide(partsOf(patterns), names)).toEqual(decision)
})

test('further names are for patterns that take away alone', () => {
  expect(decide(partsOf(['own']), ['files__own'], ['own'])).toEqual({ isAllowed: false, pattern: undefined })
  expect(decide(partsOf(['!own']), ['files__own'], ['own'])).toEqual({ isAllowed: false, pattern: '!own' })
})
