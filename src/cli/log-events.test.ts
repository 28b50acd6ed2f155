import { Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { createEvents } from '../base/events.ts'
import { fillSettings } from '../config/assemble.ts'
import { thisMachine } from '../config/load.ts'
import type { Settings } from '../config/settings.ts'
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
  subject: 'ann@example.com',
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

const noTenants = (): Settings['tenants'] => ({})

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
    logEvents(events, createLog('info', stream), manualClock(), noTenants)
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
    logEvents(events, createLog('info', stream), clock, noTenants)
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
    logEvents(events, createLog('info', stream), manualClock(), noTenants)()
    events.emit('callEnded', call)
    expect(lines).toEqual([])
  })

  describe('of a tenant', () => {
    type Policy = Partial<Settings['tenants'][string]>
    const said = (policies: Record<string, Policy>): Array<Record<string, unknown>> => {
      const { lines, stream } = collect()
      const events = createEvents()
      const { tenants } = fillSettings({ upstreams: { one: { command: 'x' } }, tenants: policies }, thisMachine())
      logEvents(events, createLog('info', stream), manualClock(), () => tenants)
      for (const tenant of ['acme', 'globex']) {
        events.emit('sessionOpened', { session, tenant, version: 'v', client: 'c', clientVersion: '1' })
        events.emit('callEnded', { ...call, tenant })
        events.emit('callEnded', { ...call, tenant, subject: 'bob@example.com' })
        events.emit('callEnded', { ...call, tenant, status: 'tool_error' })
        events.emit('refused', { code: 'rate_limited', tenant, client: 'c', requestId: 'q' })
      }
      return lines
    }
    const of = (lines: ReadonlyArray<Record<string, unknown>>, tenant: string): unknown[] =>
      lines.filter((line) => line['tenant'] === tenant).map(({ msg }) => msg)

    test('have no subject and no payload, whatever the level', () => {
      const lines = said({ acme: { upstreams: ['*'] }, globex: { upstreams: ['*'] } })
      expect(of(lines, 'acme')).toEqual(['session begins', 'call', 'call', 'call failed', 'refused'])
      expect(JSON.stringify(lines)).not.toContain('example.com')
    })

    test('are those that its settings allow, and others have theirs', () => {
      const off = said({ acme: { logCalls: 'off' }, globex: { logCalls: 'failed' } })
      expect([of(off, 'acme'), of(off, 'globex')]).toEqual([[], ['call failed', 'refused']])
    })

    test('of one without a name in the settings are those of default', () => {
      expect(of(said({ default: { logCalls: 'off' } }), 'globex')).toEqual([])
    })

    test('have no names of tools and clients if it says so', () => {
      const lines = said({ acme: { logNames: false }, globex: {} })
      const [acme, globex] = ['acme', 'globex'].map((one) => lines.filter(({ tenant }) => tenant === one))
      expect(acme?.filter((line) => 'tool' in line || 'client' in line)).toEqual([])
      expect(acme?.[1]).toMatchObject({ method: 'tools/call', upstream: 'server' })
      expect(globex?.[1]).toMatchObject({ tool: 'echo', client: 'c/1' })
    })

    test('tell subjects by name or apart, never the same for two tenants', () => {
      const lines = said({ acme: { logSubject: 'hashed' }, globex: { logSubject: 'plain' } })
      const subjects = (tenant: string): unknown[] =>
        lines.flatMap((line) => (line['tenant'] === tenant && 'subject' in line ? [line['subject']] : []))
      expect(subjects('globex')).toEqual(['ann@example.com', 'bob@example.com', 'ann@example.com'])
      const [ann, bob, again] = subjects('acme')
      expect([ann === again, ann === bob]).toEqual([true, false])
      expect(ann).toMatch(/^[0-9a-f]{12}$/)
    })
  })
})
