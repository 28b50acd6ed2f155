import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { systemClock as clock } from '../../../base/clock.ts'
import { silentLog as log } from '../../../base/log.ts'
import { createOperatorTokens, type OperatorTokens, type TokenSettings } from './operator-tokens.ts'

const none: TokenSettings = { tokenFile: undefined, tokens: [] }
const [first, second, third] = ['first-token-of-operators', 'second-token-of-operators', 'third-token-of-operators']

function tokensOf(settings: Partial<TokenSettings>): OperatorTokens {
  const tokens = createOperatorTokens({ ...none, ...settings }, { clock, log })
  if ('fault' in tokens) throw new Error(tokens.fault)
  onTestFinished(() => tokens.stop())
  return tokens
}

function fileWith(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-tokens-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'tokens')
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

const shown = ({ current }: OperatorTokens): unknown => current.map(({ token, rights }) => [token, ...rights])

test('tokens of the settings have the rights behind them, beside those of the file', () => {
  const tokens = tokensOf({ tokenFile: fileWith(`${first} read,act\n`), tokens: [`${second} read`, third] })
  expect(shown(tokens)).toEqual([
    [first, 'read', 'act'],
    [second, 'read'],
    [third, 'read', 'act', 'configure'],
  ])
  expect(tokens.made).toBeUndefined()
})

test('one is made if none is given, and no other once some are', () => {
  const tokens = tokensOf({})
  expect(shown(tokens)).toEqual([[tokens.made, 'read', 'act', 'configure']])
  tokens.take({ ...none, tokens: [first] })
  expect(tokens.current.map(({ token }) => token)).toEqual([first])
})

test('a reload takes over others, and with none nobody is let in', () => {
  const tokens = tokensOf({ tokens: [`${first} read`, second] })
  tokens.take({ ...none, tokens: [`${second} act`] })
  expect(shown(tokens)).toEqual([[second, 'act']])
  tokens.take(none)
  expect(tokens.current).toEqual([])
})

test('a token that is taken out of the file is refused within a second, and a broken file changes nothing', async () => {
  const file = fileWith(`${first}\n${second}\n`)
  const tokens = tokensOf({ tokenFile: file })
  const known = (): string[] => tokens.current.map(({ token }) => token)
  writeFileSync(file, `${second}\n`)
  await vi.waitFor(() => expect(known()).toEqual([second]), { timeout: 5000 })
  writeFileSync(file, 'short\n')
  tokens.take({ ...none, tokenFile: file })
  expect(known()).toEqual([second])
  rmSync(file)
  tokens.take({ ...none, tokenFile: file })
  expect(known()).toEqual([second])
})

test.each<[string, () => Partial<TokenSettings>]>([
  ['twice in the settings', () => ({ tokens: [first, `${first} read`] })],
  ['in the settings and the file', () => ({ tokens: [first], tokenFile: fileWith(first) })],
])('a token that is given %s cannot be used, and is not shown', (_, settingsOf) => {
  const settings = settingsOf()
  const tokens = createOperatorTokens({ ...none, ...settings }, { clock, log })
  expect(tokens).toEqual({ fault: expect.stringContaining('given twice') as string })
  expect(JSON.stringify(tokens)).not.toContain(first)
})
