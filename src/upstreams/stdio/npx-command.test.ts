import { describe, expect, test } from 'vitest'
import { type GroupMember, isNpxCommand, nulEnded, scriptOf, serverAmong } from './npx-command.ts'

describe('a launcher', () => {
  test.each([
    ['npx', ['-y', 'x']],
    ['/usr/bin/npx', []],
    ['npx.cmd', ['x']],
    ['npm', ['exec', 'x']],
    ['npm', ['x', '--', 'y']],
  ])('is %s %j', (command, args) => expect(isNpxCommand(command, args)).toBe(true))

  test.each([
    ['node', ['npx']],
    ['npm', ['run', 'exec']],
    ['npm', []],
    ['npxx', ['x']],
    ['npx', ['-c', 'a && b']],
    ['npx', ['-p', 'x', '--call', 'a']],
    ['npx', ['--call=a']],
  ])('is not %s %j', (command, args) => expect(isNpxCommand(command, args)).toBe(false))
})

const node = '/usr/bin/node'
const npx: GroupMember = { pid: 1, parent: 0, exe: node, argv: ['npm exec x', '', ''] }
const shell: GroupMember = { pid: 2, parent: 1, exe: '/usr/bin/dash', argv: ['sh', '-c', 'x'] }
const server: GroupMember = { pid: 3, parent: 2, exe: node, argv: ['node', '/bin/x', '--flag'] }

describe('the server', () => {
  test('is what the shell of npm runs', () => {
    expect(serverAmong(1, [server, shell, npx])).toBe(server)
  })

  test('is below npm itself where it has replaced the shell', () => {
    const direct = { ...server, parent: 1 }
    expect(serverAmong(1, [npx, direct])).toBe(direct)
  })

  test('is found below a shell script that stands for npx', () => {
    const script = { pid: 1, parent: 0, exe: '/usr/bin/bash', argv: ['bash', '/opt/shims/npx', 'x'] }
    const cli = { pid: 9, parent: 1, exe: node, argv: ['node', '/lib/npm/bin/npx-cli.js', 'x'] }
    const below = { ...shell, parent: 9 }
    expect(serverAmong(1, [script, cli, below, server])).toBe(server)
  })

  test('is not one of the processes that the server started', () => {
    const work = { pid: 4, parent: 3, exe: node, argv: ['node', '/bin/worker'] }
    expect(serverAmong(1, [npx, shell, server, work, { ...work, pid: 5 }])).toBe(server)
  })

  test.each<[string, readonly GroupMember[]]>([
    ['the leader is gone', [shell, server]],
    ['npm has started nothing', [npx]],
    ['the shell runs nothing', [npx, shell]],
    ['npm has two children', [npx, shell, { ...shell, pid: 7 }, server]],
    ['the shell has two children', [npx, shell, server, { ...server, pid: 7 }]],
    ['it is a shell script', [npx, shell, { ...server, exe: '/usr/bin/bash', argv: ['bash', '/bin/x'] }]],
    ['it is another program', [npx, shell, { ...server, exe: '/usr/bin/python3', argv: ['python3', '/bin/x'] }]],
    ['its program was replaced', [npx, shell, { ...server, exe: `${node} (deleted)` }]],
    ['it gave itself a title', [npx, shell, { ...server, argv: ['my server', '', ''] }]],
  ])('is not known when %s', (_, members) => expect(serverAmong(1, members)).toBeUndefined())
})

test('the script of Node is its first argument that is no option, if its whole path is known', () => {
  expect(scriptOf(node, ['node', '--no-warnings', '/bin/x', '/y'])).toBe('/bin/x')
  expect(scriptOf(node, ['node', 'x.js'])).toBeUndefined()
  expect(scriptOf(node, ['node', '-e', 'code'])).toBeUndefined()
  expect(scriptOf(node, ['node'])).toBeUndefined()
})

test('values end with NUL, may be empty, and must be UTF-8', () => {
  const read = (text: string): string[] => nulEnded(Buffer.from(text))
  expect(read('a\0\0grüße\0')).toEqual(['a', '', 'grüße'])
  expect(read('a')).toEqual(['a'])
  expect(read('')).toEqual([])
  expect(() => nulEnded(Buffer.from([0x61, 0xff, 0]))).toThrow()
})
