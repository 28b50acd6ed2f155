import { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { wallMs } from '../../../base/clock.ts'
import { CommandFailed } from '../../failures.ts'
import { type KeysAction, keysVerb } from './command.ts'

function parsed(...argv: readonly string[]): KeysAction | undefined {
  let action: KeysAction | undefined
  const command = new Command('keys').exitOverride()
  keysVerb.declare(command, (request) => (action = request.action))
  command.parse(argv, { from: 'user' })
  return action
}

test('without an action it lists', () => {
  expect(parsed()).toEqual({ kind: 'list', all: false })
})

test('a key is of the default tenant and has no end, unless it is told', () => {
  expect(parsed('create')).toMatchObject({ kind: 'create', tenant: 'default', expiresAtMs: undefined })
  const { expiresAtMs = 0 } = parsed('create', '--expires', '90d') as { expiresAtMs?: number }
  expect(Math.abs(expiresAtMs - wallMs() - 90 * 86_400_000)).toBeLessThan(60_000)
})

test('an old key works for a day after a rotation, unless it is told otherwise', () => {
  expect(parsed('rotate', 'abc')).toEqual({ kind: 'rotate', id: 'abc', overlapMs: 86_400_000 })
  expect(parsed('rotate', 'abc', '--overlap', '0s')).toMatchObject({ overlapMs: 0 })
})

describe('is not understood', () => {
  test.each([
    [['create', '--expires', '2001-01-01']],
    [['create', '--expires', 'soon']],
    [['create', '--expires', '99999d']],
    [['create', '--tenant', 'a/b']],
    [['create', '--subject', ' ann']],
    [['create', 'abc']],
    [['revoke']],
    [['rotate']],
    [['list', '--overlap', '1d']],
    [['revoke', 'abc', '--tenant', 'acme']],
    [['remove', 'abc']],
  ])('%j', (argv) => {
    expect(() => parsed(...argv)).toThrow(CommandFailed)
  })
})
