import { expect, test } from 'vitest'
import { isRunning, parseStat, statOf } from './proc-stat.ts'

const stat = (name: string, state: string): string =>
  `42 (${name}) ${state} 7 40 40 0 -1 4194304 ${Array.from({ length: 12 }, (_, at) => at).join(' ')} 123456 1 2 3`

test('a process name that looks like fields does not shift the fields', () => {
  for (const name of ['sh', 'a) R 1 1 (', 'two words', ')))']) {
    expect(parseStat(stat(name, 'S'))).toEqual({
      pid: 42,
      startedAt: '123456',
      group: 40,
      parent: 7,
      session: 40,
      foreground: -1,
      hasEnded: false,
    })
  }
})

test('a zombie has ended, and a text that is not a stat line is no process', () => {
  expect(parseStat(stat('sh', 'Z'))?.hasEnded).toBe(true)
  expect(parseStat('')).toBeUndefined()
  expect(parseStat('42 (sh) S 1 2')).toBeUndefined()
})

test('a process with the same id but another start time is another process', () => {
  const own = statOf(process.pid)
  if (!own) throw new Error('there is no /proc')
  expect(own.parent).toBe(process.ppid)
  expect(isRunning(own)).toBe(true)
  expect(isRunning({ ...own, startedAt: '1' })).toBe(false)
  expect(statOf(2 ** 30)).toBeUndefined()
})
