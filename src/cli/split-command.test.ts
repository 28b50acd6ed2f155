import fc from 'fast-check'
import { expect, test } from 'vitest'
import { splitCommand } from './split-command.ts'

test.each([
  ['npx -y server', ['npx', '-y', 'server']],
  ['  node   "my server.js"  ', ['node', 'my server.js']],
  [`node -e 'console.log("a b")'`, ['node', '-e', 'console.log("a b")']],
  [`a ''`, ['a', '']],
  [String.raw`a\ b "c \"d\"" C:\dir\x`, ['a b', 'c "d"', String.raw`C:\dir\x`]],
  ['$HOME *', ['$HOME', '*']],
  ['', []],
])('%j is split as a shell would, without expanding anything', (line, words) => {
  expect(splitCommand(line)).toEqual(words)
})

test.each([`a 'b`, 'a "b'])('%j has a quote that is never closed', (line) => {
  expect(splitCommand(line)).toBeUndefined()
})

test('words in single quotes are not changed', () => {
  const word = fc.string().filter((text) => !text.includes("'"))
  fc.assert(
    fc.property(fc.array(word, { maxLength: 5 }), (words) => {
      expect(splitCommand(words.map((text) => `'${text}'`).join(' '))).toEqual(words)
    }),
  )
})
