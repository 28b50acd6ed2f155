import { expect, test } from 'vitest'
import { CommandFailed } from '../../failures.ts'
import { readCommandLine } from '../../program.ts'

const needs = { version: '0', out: () => {}, err: () => {} }

test.each(['open', 'close', 'auto'] as const)('breaker %s is understood', (word) => {
  expect(readCommandLine(['breaker', word, 'github'], needs)).toMatchObject({
    verb: 'breaker',
    word,
    upstream: 'github',
  })
})

test.each([
  [[], "missing required argument 'action'"],
  [['open'], "missing required argument 'name'"],
  [['opn', 'github'], "'opn' is no action of breaker"],
])('breaker %j is wrong usage', (words, told) => {
  expect(() => readCommandLine(['breaker', ...words], needs)).toThrow(told)
  expect(() => readCommandLine(['breaker', ...words], needs)).toThrow(CommandFailed)
})
