import { expect, test } from 'vitest'
import { systemUser } from './system-user.ts'
import { type Machine, unenforceableLimits } from './unenforceable-limits.ts'

const all = { limitMemoryBytes: 1024 ** 3, limitCpu: '50%', limitPids: 64, limitUser: 'nobody' }
const none = { limitMemoryBytes: 0, limitCpu: undefined, limitPids: 0, limitUser: undefined }
const machine = (more: Partial<Machine>): Machine => ({
  groups: new Set(),
  hasProc: true,
  isRoot: true,
  hasUser: () => true,
  ...more,
})
const keysOf = (settings: typeof all | typeof none, more: Partial<Machine>): string[] =>
  unenforceableLimits(settings, machine(more)).map(({ key }) => key)

test('without control groups memory is looked at in /proc, and a share of a core and a number of processes are refused', () => {
  expect(keysOf(all, {})).toEqual(['limitCpu', 'limitPids'])
  expect(keysOf(all, { hasProc: false })).toEqual(['limitMemoryBytes', 'limitCpu', 'limitPids'])
  expect(keysOf(all, { groups: new Set(['memory', 'pids']), hasProc: false })).toEqual(['limitCpu'])
  expect(keysOf(all, { groups: new Set(['memory', 'cpu', 'pids']), hasProc: false })).toEqual([])
  expect(keysOf(none, { hasProc: false, isRoot: false })).toEqual([])
})

test('another user needs root and has to be there, and is never left out in good faith', () => {
  const groups: Machine['groups'] = new Set(['memory', 'cpu', 'pids'])
  expect(unenforceableLimits(all, machine({ groups, isRoot: false }))).toMatchObject([
    { key: 'limitUser', fault: 'needs root', isExcusable: false },
  ])
  expect(unenforceableLimits(all, machine({ groups, hasUser: () => false }))).toMatchObject([
    { key: 'limitUser', fault: 'is no user of this machine', ways: ['useradd --system nobody'], isExcusable: false },
  ])
})

test('a user is found by name or number', () => {
  const text =
    'root:x:0:0:root:/root:/bin/sh\n# a comment\n+::::::\nbroken:x\nweb:x:33:44:web server:/var/www:/bin/false\n'
  const web = { name: 'web', uid: 33, gid: 44, home: '/var/www' }
  expect(['web', '33', '44', '', '# a comment', '+', 'broken'].map((name) => systemUser(name, text))).toEqual([
    web,
    web,
    ...Array.from({ length: 5 }, () => undefined),
  ])
})
