import { expect, test } from 'vitest'
import type { Mode, Stateless } from '../options.ts'
import { isolationModesOf, statelessMode } from './isolation-modes.ts'

const both = ['modern', 'legacy'] as const
const sharing = (mode: Mode | undefined, stateless: Stateless, eras: readonly ('modern' | 'legacy')[] = both) =>
  isolationModesOf({ mode, stateless }, eras, false)

test.each([
  [['legacy'], 'session'],
  [both, 'session'],
  [['modern'], 'shared'],
] as const)('a server that speaks %j has the mode %s if nothing is said', (eras, mode) => {
  expect(sharing(undefined, 'refuse', eras).sessions).toBe(mode)
})

test.each(['refuse', 'principal', 'call', 'shared'] as const)(
  'in mode session, clients without sessions get %s',
  (word) => {
    expect(sharing('session', word)).toEqual({ sessions: 'session', stateless: word })
  },
)

test.each(['principal', 'tenant', 'shared', 'call'] as const)(
  'mode %s applies to clients with and without sessions',
  (mode) => {
    for (const word of ['refuse', 'call'] as const) {
      expect(sharing(mode, word)).toEqual({ sessions: mode, stateless: mode })
      expect(statelessMode(sharing(mode, word))).toBe(mode)
    }
  },
)

test.each([
  ['principal', 'session'],
  ['call', 'call'],
  ['shared', 'shared'],
] as const)('by %s clients without a session find processes as in mode %s', (word, mode) => {
  expect(statelessMode(sharing('session', word))).toBe(mode)
})

test('a single client is never refused, and has one mode for both eras', () => {
  const alone = isolationModesOf({ mode: undefined, stateless: 'refuse' }, both, true)
  expect(alone).toEqual({ sessions: 'session', stateless: 'session' })
  expect(statelessMode(alone)).toBe('session')
})
