import { expect, test } from 'vitest'
import { suggestValue } from './suggest-value.ts'
import { schema } from './schema.ts'

function meant(flag: string, text: string): string | undefined {
  const row = schema.find(({ option }) => option.flag === flag)
  if (!row) throw new Error(`--${flag} is no flag`)
  return suggestValue(row.option, text)
}

test.each([
  ['mode', 'sesion', 'session'],
  ['mode', 'Principle', 'principal'],
  ['log-level', 'warning', 'warn'],
  ['log-level', 'ERR', 'error'],
  ['log-format', 'jsn', 'json'],
  ['transport', 'studio', 'stdio'],
  ['idle-timeout', '10 minuets', '10m'],
  ['idle-timeout', '30mn', '30m'],
  ['idle-timeout', '90 SECNDS', '90s'],
  ['idle-timeout', '1.5 hurs', '1.5h'],
  ['queue-wait', '500 millisec', '500ms'],
  ['max-connections', '1,000', '1000'],
  ['max-connections', '2k', '2000'],
  ['pool', 'atuo', 'auto'],
])('--%s %s may mean %s', (flag, text, expected) => {
  expect(meant(flag, text)).toBe(expected)
})

test.each([
  ['mode', 'everybody'],
  ['mode', ''],
  ['idle-timeout', 'soon'],
  ['idle-timeout', '10 parsecs'],
  // A unit written another way, but still out of range.
  ['idle-timeout', '900000 days'],
  ['max-connections', '-1'],
  ['max-connections', 'many'],
  ['port', '99,999'],
  ['host', 'localhots'],
])('--%s %j means nothing that can be told', (flag, text) => {
  expect(meant(flag, text)).toBeUndefined()
})
