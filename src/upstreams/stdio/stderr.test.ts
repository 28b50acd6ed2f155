import { beforeEach, describe, expect, test } from 'vitest'
import { type ManualClock, manualClock } from '../../base/clock.ts'
import { type Log, type LogFields, silentLog } from '../../base/log.ts'
import { Stderr } from './stderr.ts'

describe('stderr of a child', () => {
  let clock: ManualClock
  let logged: unknown[]
  let dropped: number[]
  let stderr: Stderr

  beforeEach(() => {
    clock = manualClock()
    logged = []
    dropped = []
    const log: Log = {
      ...silentLog,
      debug: (fields: LogFields, message) => void (message === 'worker stderr' && logged.push(fields['line'])),
    }
    const events = {
      emit: (_name: string, event: object) => void ('count' in event && dropped.push(Number(event.count))),
    }
    stderr = new Stderr({ clock, log, events, worker: 7 })
  })

  const say = (text: string): void => stderr.push(Buffer.from(text))
  const count = (): number => logged.length + dropped.reduce((sum, each) => sum + each, 0)

  test('lines are logged whole however the chunks are cut, also a last one without a newline', () => {
    for (const part of ['on', 'e\ntw', 'o\r\n\nthr', 'ee']) say(part)
    stderr.end()
    expect(logged).toEqual(['one', 'two', 'three'])
    expect(dropped).toEqual([])
  })

  test('a flood is logged up to 50 lines a second, and the rest is counted once a second', () => {
    for (let line = 0; line < 1000; line += 1) say(`line ${line}\n`)
    expect(logged).toHaveLength(50)
    expect(dropped).toEqual([])
    clock.advance(1000)
    expect(dropped).toEqual([950])
    say('again\n')
    expect(logged.at(-1)).toBe('again')
  })

  test('every line of a flood is either logged or counted, wherever the chunks end', () => {
    const flood = Buffer.from('some words\n'.repeat(500))
    for (let at = 0; at < flood.length; at += 7) stderr.push(flood.subarray(at, at + 7))
    stderr.end()
    expect(count()).toBe(500)
  })

  test('blank lines are not logged, but a flood of them is bounded like any other', () => {
    say('\n'.repeat(1000))
    stderr.end()
    expect(logged).toEqual([])
    expect(dropped).toEqual([950])
  })

  test('a long line is logged once, cut, and the next line is whole', () => {
    for (let turn = 0; turn < 10; turn += 1) say('x'.repeat(1000))
    say('\nnext\n')
    expect(logged).toEqual(['x'.repeat(2048), 'next'])
  })

  test('the last 4 KiB are kept, whatever the size of the chunks', () => {
    const lines = Array.from({ length: 2000 }, (_, line) => `line ${line}\n`)
    for (const line of lines) say(line)
    expect(stderr.tail()).toBe(lines.join('').slice(-4096).trim())
    say('y'.repeat(10_000))
    expect(stderr.tail()).toBe('y'.repeat(4096))
  })

  test('control characters for a terminal are removed', () => {
    say('\u001b[31mred\u001b[0m \u0007bell\u0000\n')
    expect(logged).toEqual(['red bell'])
    expect(stderr.tail()).toBe('red bell')
  })
})
