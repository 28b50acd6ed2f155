import { expect, test } from 'vitest'
import { plainJson } from './plain-json.ts'

test('comments become blanks, and everything else stays where it was', () => {
  const text = '// first\n{ "a": 1, /* two\r\n lines */ "b": "// no comment", // last\n\t"c": [ /**/ 2 ] }\n// end'
  const plain = plainJson(text)
  expect(plain).toHaveLength(text.length)
  expect(JSON.parse(plain)).toEqual({ a: 1, b: '// no comment', c: [2] })
  for (const part of ['"a"', '"b"', '"c"', '2 ]']) expect(plain.indexOf(part)).toBe(text.indexOf(part))
})

test('what a client keeps beside its servers becomes blanks', () => {
  const text = '{ "theme": "dark", // how it looks\n "mcpServers": { "a": { "command": "x" } }, "history": ["y"] }'
  const plain = plainJson(text)
  expect(plain).toHaveLength(text.length)
  expect(plain.indexOf('"mcpServers"')).toBe(text.indexOf('"mcpServers"'))
  expect(plain).not.toContain('dark')
})

test('YAML stays as it is', () => {
  expect(plainJson('a: 1 // no comment\n')).toBe('a: 1 // no comment\n')
})
