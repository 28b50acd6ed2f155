import { expect, test } from 'vitest'
import { CommandFailed } from '../../failures.ts'
import { readCommandLine } from '../../program.ts'

const needs = { version: '0', out: () => {}, err: () => {} }

test.each([
  [['pause'], 'pause needs the name of one server'],
  [['recycle', 'a', 'b'], 'recycle needs the name of one server'],
  [['resume', 'a', '--for', '30s'], '--for is of pause'],
  [['enable', 'a', '--wait'], '--wait is of pause, disable and recycle'],
  [['pause', 'a', '--for', '2h'], 'is no time from 1ms to 1h'],
  [['pause', 'a', '--for', '-1s'], 'is no time from 1ms to 1h'],
  [['pause', 'a', '--workers'], '--workers is of list'],
  [['a', 'b', '--workers'], '--workers is of list'],
  [['restart', 'a'], "'restart' is no action of upstreams"],
  [['list', 'a'], 'list takes no name'],
  [['accept'], 'accept needs the name of a server'],
])('upstreams %j is wrong usage', (words, told) => {
  expect(() => readCommandLine(['upstreams', ...words], needs)).toThrow(told)
  expect(() => readCommandLine(['upstreams', ...words], needs)).toThrow(CommandFailed)
})

test.each([
  [[], { kind: 'list' }],
  [['--workers'], { kind: 'workers', upstream: undefined }],
  [['--workers', 'github'], { kind: 'workers', upstream: 'github' }],
  [['list', 'pause', '--workers'], { kind: 'workers', upstream: 'pause' }],
  [['pause', 'a', '--for', '30s'], { kind: 'pause', upstream: 'a', forMs: 30_000, waits: false }],
  [['recycle', 'a', '--wait'], { kind: 'recycle', upstream: 'a', forMs: undefined, waits: true }],
  [['accept', 'a', '--', '-k3f'], { kind: 'accept', upstream: 'a', hash: '-k3f' }],
])('upstreams %j is understood', (words, action) => {
  expect(readCommandLine(['upstreams', ...words], needs)).toMatchObject({ verb: 'upstreams', action })
})
