import { Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { createEvents } from '../base/events.ts'
import { createLog, prettyLines } from './log.ts'
import { logEvents } from './log-events.ts'

function collect(): { lines: Array<Record<string, unknown>>; stream: { write(text: string): void } } {
  const lines: Array<Record<string, unknown>> = []
  return { lines, stream: { write: (text) => void lines.push(JSON.parse(text)) } }
}

const session = 'Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF'
const call = {
  requestId: 'r',
  method: 'tools/call',
  tool: 'echo',
  tenant: 'default',
  session,
  era: 'stateless',
  client: 'c',
  clientVersion: '1',
  upstream: 'server',
  upstreamEra: 'session-based',
  status: 'ok',
  durationMs: 1.5,
  queueMs: 1,
}

describe('the log', () => {
  test('shows a session id only as eight characters of its hash', () => {
    const { lines, stream } = collect()
    createLog('info', stream).info({ session }, 'any')
    expect(lines[0]?.['session']).toMatch(/^[0-9a-f]{8}$/)
    expect(JSON.stringify(lines)).not.toContain(session.slice(0, 8))
  })

  test('hides secrets, at the top and one level below', () => {
    const { lines, stream } = collect()
    const secrets = {
      authorization: 'Bearer s3cret',
      env: { TOKEN: 's3cret' },
      request: { cookie: 's3cret', token: 's3cret' },
    }
    createLog('info', stream).info(secrets, 'any')
    expect(JSON.stringify(lines)).not.toContain('s3cret')
    expect(lines[0]).toMatchObject({ authorization: '[hidden]', msg: 'any', level: 'info' })
  })

  test('keeps every message on one line', () => {
    const written: string[] = []
    createLog('info', { write: (text: string) => void written.push(text) }).info({ line: 'a\nb\u001b[31m' }, 'any')
    expect(written.join('').trimEnd()).not.toMatch(/[\n\u001b]/)
  })
})

test('pretty lines hold no control characters for the terminal', async () => {
  const written: string[] = []
  const terminal = new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk))
      done()
    },
  })
  const log = createLog('debug', prettyLines(false, terminal))
  const evil = '\u001b[2J\u009b31mred\u001b]0;title\u0007\u202e'
  log.debug({ line: evil, worker: 1 }, 'worker stderr')
  log.error({ err: new Error(evil) }, 'failed')
  expect(written.join('')).toContain('red')
  expect(written.join('')).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
})

describe('events in the log', () => {
  test('are one line for a session that begins, a call, and a session that ends', () => {
    const { lines, stream } = collect()
    const events = createEvents()
    logEvents(events, createLog('info', stream), manualClock())
    events.emit('sessionOpened', { session, tenant: 'default', version: 'v', client: 'c', clientVersion: '1' })
    events.emit('callEnded', call)
    events.emit('sessionEnded', {
      session,
      tenant: 'default',
      reason: 'idle',
      ageMs: 10,
      calls: 1,
      client: 'c',
      lastError: undefined,
    })
    expect(lines).toMatchObject([
      { msg: 'session begins', client: 'c/1' },
      {
        msg: 'call',
        method: 'tools/call',
        tool: 'echo',
        upstream: 'server',
        client: 'c/1',
        era: 'stateless',
        upstream_era: 'session-based',
        dur_ms: 1.5,
        queue_ms: 1,
      },
      { msg: 'session ends', reason: 'idle', age_ms: 10, calls: 1 },
    ])
    expect(new Set(lines.map((line) => line['session'])).size).toBe(1)
  })

  test('are at most a hundred lines of a kind a second, and the number of skipped ones is logged', () => {
    const { lines, stream } = collect()
    const events = createEvents()
    const clock = manualClock()
    logEvents(events, createLog('info', stream), clock)
    for (let count = 0; count < 250; count++) events.emit('callEnded', call)
    events.emit('callEnded', { ...call, status: 'upstream_timeout' })
    expect(lines.filter((line) => line['msg'] === 'call')).toHaveLength(100)
    expect(lines.filter((line) => line['status'] === 'upstream_timeout')).toHaveLength(1)
    clock.advance(1000)
    expect(lines.at(-1)).toMatchObject({ msg: 'lines skipped', what: 'call', skipped: 150 })
    events.emit('callEnded', call)
    expect(lines.at(-1)).toMatchObject({ msg: 'call' })
  })

  test('are no longer logged after the end', () => {
    const { lines, stream } = collect()
    const events = createEvents()
    logEvents(events, createLog('info', stream), manualClock())()
    events.emit('callEnded', call)
    expect(lines).toEqual([])
  })
})
