import { expect, test } from 'vitest'
import { childEnvironment } from './environment.ts'

test('a child gets the listed names of our environment and what was configured, and nothing else', () => {
  const ours = {
    PATH: '/bin',
    HOME: '/home/a',
    SHELL: '/bin/sh',
    TERM: 'xterm',
    LC_ALL: 'C',
    TZ: undefined,
    API_KEY: 'secret',
    NODE_OPTIONS: '--inspect',
  }
  expect(childEnvironment(ours, { TOKEN: 'its own' }, 'linux')).toEqual({
    PATH: '/bin',
    HOME: '/home/a',
    SHELL: '/bin/sh',
    TERM: 'xterm',
    LC_ALL: 'C',
    TOKEN: 'its own',
  })
})

test('configured variables override inherited ones', () => {
  expect(childEnvironment({ PATH: '/bin' }, { PATH: '/opt/bin' }, 'linux')).toEqual({ PATH: '/opt/bin' })
})

test('a function that a shell exported is not passed on', () => {
  expect(childEnvironment({ LANG: '() { :; }; echo', USER: 'a' }, {}, 'linux')).toEqual({ USER: 'a' })
})

test('on Windows names are found in any case, and the system root is among them', () => {
  const ours = { Path: 'C:\\bin', SystemRoot: 'C:\\Windows', HOME: 'C:\\a', SECRET: 'x' }
  expect(childEnvironment(ours, {}, 'win32')).toEqual({ Path: 'C:\\bin', SystemRoot: 'C:\\Windows' })
})
