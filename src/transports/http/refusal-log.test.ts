import { describe, expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import { silentLog, type LogFields } from '../../base/log.ts'
import { createRefusalLog, shown } from './refusal-log.ts'

describe('refusals in the log', () => {
  const lines: Array<readonly [string, LogFields]> = []
  const clock = manualClock()
  const log = { ...silentLog, info: (fields: LogFields, message: string) => void lines.push([message, fields]) }
  const refusals = createRefusalLog(log, clock)

  test('are at most one line a second for each code, and the number of skipped lines is logged', () => {
    for (let count = 0; count < 5; count++) refusals.refused('forbidden_host', { host: `${count}.example` })
    refusals.refused('bad_header')
    expect(lines.splice(0)).toEqual([
      ['refused', { code: 'forbidden_host', host: '0.example' }],
      ['refused', { code: 'bad_header' }],
    ])
    clock.advance(1000)
    expect(lines.splice(0)).toEqual([['lines skipped', { what: 'refused', code: 'forbidden_host', skipped: 4 }]])
    refusals.refused('forbidden_host')
    expect(lines, 'the line with the number is the one line of its second').toEqual([])
    clock.advance(1000)
    expect(lines.splice(0)).toEqual([['lines skipped', { what: 'refused', code: 'forbidden_host', skipped: 1 }]])
    clock.advance(1000)
    refusals.refused('forbidden_host', { host: 'b.example' })
    expect(lines.splice(0)).toEqual([['refused', { code: 'forbidden_host', host: 'b.example' }]])
  })

  test('show client input shortened and without control characters', () => {
    expect(shown('a\tb\u009b31m\u007f')).toBe('a\\x09b\\x9b31m\\x7f')
    expect(shown('x'.repeat(5000))).toBe('x'.repeat(100))
  })
})
