import pc from 'picocolors'
import { expect, test } from 'vitest'
import { fillSettings } from '../../../config/assemble.ts'
import type { PartialSettings } from '../../../config/settings.ts'
import { banner, readyEvent } from './banner.ts'
import type { Ready } from './ready.ts'

const machine = { env: { PATH: '/bin' }, memoryBytes: 4 * 1024 ** 3, heapLimitBytes: 2 * 1024 ** 3 }
const ready: Ready = {
  version: '1.2.3',
  command: 'node /opt/mcplex/dist/cli/main.js',
  url: 'http://127.0.0.1:65535',
  address: '0.0.0.0',
  port: 65_535,
  socket: undefined,
  admin: undefined,
  server: { name: 'a-server', version: '1', eras: ['legacy', 'modern'], tools: 1200, startMs: 12_345 },
  upstreams: {},
  modes: { legacy: 'session' },
  sharing: { sessions: 'session', stateless: 'refuse' },
  settings: fillSettings({ upstream: { command: 'node' } }, machine),
}
const show = (columns: number, colors = pc.createColors(false)): string => banner(ready, true, colors, columns)
/** The words of a text, without its layout. */
const wordsOf = (text: string): string[] => text.split(/[\s·]+/)

test.each([80, 64])('the banner fits into %i columns, with the same content as in wide terminals', (columns) => {
  const lines = show(columns).split('\n')
  const toCopy = lines.filter((line) => /claude mcp add|config cursor --url/.test(line))
  expect(toCopy).toHaveLength(2)
  expect(lines.filter((line) => line.length > columns && !toCopy.includes(line))).toEqual([])
  expect(wordsOf(show(columns))).toEqual(wordsOf(show(0)))
})

test('the endpoint of HTTP+SSE is in the banner and the event, unless it is switched off', () => {
  const settings = fillSettings({ upstream: { command: 'node' }, http: { sse: false } }, machine)
  expect(show(80)).toContain(`${ready.url}/sse`)
  expect(readyEvent(ready)['sse']).toBe(`${ready.url}/sse`)
  expect(banner({ ...ready, settings }, true, pc.createColors(false), 80)).not.toContain('/sse')
  expect(readyEvent({ ...ready, settings })).not.toHaveProperty('sse')
})

test('the banner has colours only if wanted, and they do not change its layout', () => {
  const colored = show(80, pc.createColors(true))
  expect(colored).toContain('\u001b[')
  expect(colored.replaceAll(/\u001b\[[0-9]+m/g, '')).toBe(show(80))
  expect(show(80)).not.toContain('\u001b')
})

test('the name of the server is shown without control characters, and cut', () => {
  const linesOf = (name: string): string[] =>
    banner({ ...ready, server: { ...ready.server, name } }, true, pc.createColors(false), 80).split('\n')
  const evil = linesOf('\u001b[2J\u009b31mevil\n\u202ename')
  expect(evil.join('\n')).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
  expect(evil).toHaveLength(linesOf('evil name').length)
  expect(Math.max(...linesOf('x'.repeat(500)).map((line) => line.length))).toBeLessThan(200)
})

test('with a Unix socket, the banner and the event show it and no port', () => {
  const socket = '/run/mcplex/mcp.sock'
  const event = readyEvent({ ...ready, socket, url: 'http://localhost', port: 0 })
  expect(event).toMatchObject({ socket, endpoint: 'http://localhost/mcp' })
  expect(event).not.toHaveProperty('port')
  const text = banner({ ...ready, socket, url: 'http://localhost' }, true, pc.createColors(false), 80)
  expect(text).toContain(`curl --unix-socket ${socket} http://localhost/health`)
  expect(text).not.toMatch(/clients need no credentials|claude mcp add/)
})

test('of a module, the banner speaks of server objects, and of both kinds of workers', () => {
  const module = { module: './tools.mjs' }
  const textOf = (upstreams: NonNullable<PartialSettings['upstreams']>, more: Partial<Ready> = {}): string =>
    banner({ ...ready, ...more, settings: fillSettings({ upstreams }, machine) }, true, pc.createColors(false), 0)
  const one = textOf({ mine: module })
  expect(one).toContain('one module, many clients')
  expect(one).toContain('one server object per session')
  expect(one).toContain('10,000 server objects')
  const modes = ['principal', 'call', 'shared', 'tenant'].map((mode) => ({
    sharing: { sessions: mode, stateless: mode },
  }))
  for (const more of modes) expect(textOf({ mine: module }, more)).not.toMatch(/process(?!$| *$)(?!\n)/)
  const both = textOf({ mine: module, other: { command: 'node' } })
  expect(both).toMatch(/10,0\d\d workers/)
  expect(textOf({ a: { command: 'node' }, b: { command: 'node' } })).toMatch(/\d processes/)
})
