import { expect, test } from 'vitest'
import type { Output } from './output.ts'
import { createStatusLine, type StatusLine } from './status-line.ts'

/** A status line, and what a terminal of that width shows. */
function terminal(columns: number, rows = 0): { line: StatusLine; screen: () => string[]; text: () => string } {
  let written = ''
  const output: Output = {
    isTTY: true,
    columns,
    rows,
    lost: 0,
    write: (text) => void (written += text),
    tellLost: () => {},
    settled: () => Promise.resolve(),
  }
  const screen = (): string[] =>
    written.split('\n').map((line) => line.split('\r').reduce((shown, text) => over(shown, text), ''))
  return { line: createStatusLine(output), screen, text: () => written }
}

/** `shown` after `text` was written over its beginning. */
function over(shown: string, text: string): string {
  const [before = '', after] = text.split('\u001b[K')
  return after === undefined ? text + shown.slice(text.length) : before + after
}

test('the line is redrawn in place, and nothing of the old text is left', () => {
  const { line, screen } = terminal(40)
  line.show('a long text of the first moment')
  line.show('short')
  expect(screen()).toEqual(['short'])
  line.show(undefined)
  expect(screen()).toEqual([''])
})

test('other output appears above the line', () => {
  const { line, screen } = terminal(40)
  line.write('before\n')
  line.show('starting')
  line.write('in between\n')
  expect(screen()).toEqual(['before', 'in between', 'starting'])
  line.show(undefined)
  line.write('after\n')
  expect(screen()).toEqual(['before', 'in between', 'after', ''])
})

test.each([20, 0])('a line never wraps in a terminal of %i columns', (columns) => {
  const { line, screen } = terminal(columns)
  line.show('x'.repeat(500))
  expect(screen()[0]?.length).toBe((columns || 80) - 1)
})

test('a row is written again where it is, as long as it is on the screen', () => {
  const { line, text } = terminal(20, 5)
  line.write('first\n')
  const row = line.written
  line.write('second\nthis line is as long as two rows\n')
  line.rewrite(row, '2nd')
  expect(text().slice(text().indexOf('\u001b7'))).toBe('\u001b7\u001b[3A\r\u001b[2K2nd\u001b8')
  line.rewrite(row, 'a text that is longer than a row')
  line.write('one\ntwo\n')
  line.rewrite(row, 'it has left the screen')
  expect(text()).not.toMatch(/longer than a row|has left/)
})

test('without the height of the terminal, no row is written again', () => {
  const { line, text } = terminal(20)
  line.write('first\n')
  line.rewrite(0, '1st')
  expect(text()).toBe('first\n')
})
