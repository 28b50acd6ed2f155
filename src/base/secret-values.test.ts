import { expect, test } from 'vitest'
import { SecretValues } from './secret-values.ts'

test('masks each value wherever it stands, the longest first, and no short ones', () => {
  const secrets = new SecretValues(['open', 'open-sesame', 'abc', '', '    ', 'a "b" c'])
  expect(secrets.mask('x-open-sesame/open abc')).toBe('x-***/*** abc')
  expect(secrets.mask(`say ${JSON.stringify('a "b" c')}`)).toBe('say "***"')
  secrets.replace(['sesame'])
  expect(secrets.mask('open-sesame')).toBe('open-***')
})

test('masks texts of a line of JSON, and neither its names nor its numbers', () => {
  const secrets = new SecretValues(['1234', 'info', 'line\nbreak'])
  const line = `${JSON.stringify({ level: 'info', info: 1234, deep: [{ is: 'x1234 line\nbreak info' }] })}\n`
  expect(secrets.maskJson(line, new Set(['level']))).toBe(
    `${JSON.stringify({ level: 'info', info: 1234, deep: [{ is: 'x*** *** ***' }] })}\n`,
  )
  expect(secrets.maskJson('{"a":"b"}\n', new Set())).toBe('{"a":"b"}\n')
})
