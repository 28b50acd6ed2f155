import { expect, test } from 'vitest'
import { CommandFailed } from '../../failures.ts'
import { readCommandLine } from '../../program.ts'

const needs = { version: '0', out: () => {}, err: () => {} }

test.each([
  [['close'], 'needs the label'],
  [['close', ''], 'needs the label'],
  [['show', '../../x'], 'needs the label'],
  [['show', 'ab', '--closed'], 'takes a label alone'],
  [['shut', 'ab'], 'is no action of sessions'],
  [['list', 'ab'], 'list takes no label'],
  [['--reason', 'idle'], '--reason is of sessions that have ended'],
  [['--limit', '0'], '--limit "0" is no number from 1 to 1000'],
  [['--offset', '-1'], '--offset "-1" is no number from 0 to 100000'],
  [['--closed', '--reason', 'foo'], '--reason "foo" is not why sessions end'],
  [['--admin', 'http://['], 'is not an address'],
])('sessions %j is wrong usage', (words, told) => {
  expect(() => readCommandLine(['sessions', ...words], needs)).toThrow(told)
  expect(() => readCommandLine(['sessions', ...words], needs)).toThrow(CommandFailed)
})

test('sessions takes an address with or without its scheme', () => {
  for (const address of ['127.0.0.1:8081', 'http://127.0.0.1:8081/'])
    expect(readCommandLine(['sessions', '--admin', address], needs)).toMatchObject({
      door: { admin: 'http://127.0.0.1:8081/' },
      action: { kind: 'list', limit: 100 },
    })
})

test('sessions that have ended are listed page by page, by a reason that there is', () => {
  const words = ['sessions', '--closed', '--reason', 'evicted', '--limit', '1000', '--offset', '9000']
  const action = { kind: 'closed', reason: 'evicted', limit: 1000, offset: 9000 }
  expect(readCommandLine(words, needs)).toMatchObject({ action })
  const told = [
    ['accepted', expect.stringContaining('client, idle, max_age')],
    ['try', 'mcplex sessions --closed --reason evicted'],
  ]
  expect(() => readCommandLine(['sessions', '--closed', '--reason', 'evict'], needs)).toThrow(
    expect.objectContaining({ failures: [expect.objectContaining({ notes: told })] }),
  )
})
