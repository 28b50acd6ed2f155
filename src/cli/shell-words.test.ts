import fc from 'fast-check'
import { expect, test } from 'vitest'
import { quoteWords } from './shell-words.ts'
import { splitCommand } from './split-command.ts'

test('plain words stay as they are, others are quoted', () => {
  expect(quoteWords(['npx', '-y', '@scope/server@1.2.3', '--root=/tmp'])).toBe('npx -y @scope/server@1.2.3 --root=/tmp')
  expect(quoteWords(['node', 'my server.js', '$HOME', '', "it's", '~'])).toBe(
    `node 'my server.js' '$HOME' '' 'it'\\''s' '~'`,
  )
})

test('any words are quoted so that splitting the line gives them back', () => {
  // splitCommand leaves a backslash before most characters alone, as a POSIX shell does within single quotes.
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 5 }), (words) => {
      expect(splitCommand(quoteWords(words))).toEqual(words)
    }),
  )
})
