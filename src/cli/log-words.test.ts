import { expect, test } from 'vitest'
import { inWords } from './log-words.ts'

const at = { level: 'info', time: '2026-01-01T00:00:00.000Z' }
const words = (fields: object): unknown => inWords({ ...at, ...fields })['msg']

const call = {
  msg: 'call',
  method: 'tools/call',
  tool: 'echo',
  tenant: 'default',
  session: 'ca54fee0',
  era: 'session-based',
  upstream_era: 'session-based',
  status: 'ok',
  dur_ms: 23.7,
  queue_ms: 14.2,
}

test.each([
  [{}, 'call echo ok 24 ms (queue 14)  session ca54fee0'],
  [{ queue_ms: 0.2 }, 'call echo ok 24 ms  session ca54fee0'],
  [{ session: undefined, era: 'stateless', upstream_era: 'stateless' }, 'call echo ok 24 ms (queue 14)  stateless'],
  [{ session: undefined, era: 'stateless' }, 'call echo ok 24 ms (queue 14)  stateless  session-based server'],
  [{ upstream_era: 'stateless' }, 'call echo ok 24 ms (queue 14)  session ca54fee0  stateless server'],
  [{ method: 'prompts/get', tool: 'greet' }, 'call prompts/get greet ok 24 ms (queue 14)  session ca54fee0'],
  [{ method: 'resources/read', tool: undefined }, 'call resources/read ok 24 ms (queue 14)  session ca54fee0'],
  [{ tenant: 'acme' }, 'call echo ok 24 ms (queue 14)  session ca54fee0  tenant acme'],
  [
    { msg: 'call failed', status: 'upstream_timeout', dur_ms: 60_000, queue_ms: undefined, upstream_era: undefined },
    'call echo upstream_timeout 60,000 ms  session ca54fee0',
  ],
  [{ tool: 'a\nb   c' }, 'call a b c ok 24 ms (queue 14)  session ca54fee0'],
])('a call with %j', (fields, expected) => {
  expect(words({ ...call, ...fields })).toBe(expected)
})

test.each([
  [
    { msg: 'session begins', session: 'ca54fee0', tenant: 'default', version: '2025-11-25', client: 'claude-code/2' },
    'session ca54fee0 begins  claude-code/2  2025-11-25',
  ],
  [
    { msg: 'session ends', session: 'ca54fee0', tenant: 'acme', reason: 'idle', age_ms: 1_800_400, calls: 1 },
    'session ca54fee0 ends: it was idle  after 30 min and 1 call  tenant acme',
  ],
  [
    { msg: 'session ends', session: 'ca54fee0', reason: 'of tomorrow', age_ms: 9_000_000, calls: 12 },
    'session ca54fee0 ends: of tomorrow  after 2.5 h and 12 calls',
  ],
  [{ msg: 'refused', code: 'forbidden_host', host: 'evil.example' }, 'refused: forbidden_host  host evil.example'],
  [{ msg: 'stopped', reason: 'SIGTERM' }, 'stopped  (SIGTERM)'],
  [{ msg: 'stopping: x', reason: 'runner' }, 'stopping: x  (its npx or npm has ended)'],
])('%j', (record, expected) => {
  expect(words(record)).toBe(expected)
})

test('a line with a wording keeps only its level and time, any other line keeps all fields', () => {
  expect(Object.keys(inWords({ ...at, ...call }))).toEqual(['level', 'time', 'msg'])
  const other = { ...at, msg: 'worker ended unexpectedly', worker: 7 }
  expect(inWords(other)).toBe(other)
  const odd = { ...at, msg: 'toString' }
  expect(inWords(odd)).toBe(odd)
})
