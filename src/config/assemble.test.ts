import { describe, expect, test } from 'vitest'
import { checkOption } from './read-option.ts'
import { fillSettings } from './assemble.ts'
import { configurationDocument } from './document.ts'
import { ConfigError, type Problem } from './problem.ts'
import { schema } from './schema.ts'
import type { PartialSettings, Settings } from './settings.ts'

const machine = { env: { PATH: '/bin', SECRET: 'x' }, memoryBytes: 4 * 1024 ** 3, heapLimitBytes: 2 * 1024 ** 3 }
const fill = (partial: PartialSettings): Settings => fillSettings(partial, machine)

/** What a program without types may hand in. */
function problemsOf(partial: object): readonly Problem[] {
  try {
    fillSettings(partial as PartialSettings, machine)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('settings of a program', () => {
  test('need nothing but a command', () => {
    expect(fill({ upstream: { command: 'node' } })).toMatchObject({
      upstream: { command: 'node', args: [], env: { PATH: '/bin' }, pool: 48 },
      limits: { maxConnections: 1000, memoryBytes: 512 * 1024 ** 2 },
      http: { host: '127.0.0.1', port: 8080 },
    })
  })

  test('keep the given values, and add variables to the few that every process needs', () => {
    const settings = fill({
      upstream: { command: 'node', env: { A: '1' }, pool: 2, mode: 'shared' },
      sessions: { idleTimeoutMs: 5000 },
    })
    expect(settings.upstream).toMatchObject({
      env: { PATH: '/bin', A: '1' },
      pool: 2,
      mode: 'shared',
      processIdleMs: 5000,
    })
  })

  test('are frozen at every level, and do not freeze the objects of the caller', () => {
    const args = ['a']
    const settings = fill({ upstream: { command: 'node', args } })
    expect(Object.isFrozen(settings) && Object.isFrozen(settings.limits)).toBe(true)
    expect(Object.isFrozen(settings.upstream.args) && Object.isFrozen(settings.upstream.env)).toBe(true)
    args.push('b')
    expect(settings.upstream.args).toEqual(['a'])
  })

  test.each([
    [{}, 'config_command', 'upstream.command'],
    [{ upstream: { command: ' ' } }, 'config_command', 'upstream.command'],
    [{ upstream: { command: 7 } }, 'config_command', 'upstream.command'],
    [{ upstream: { command: 'x', args: 'y' } }, 'config_value', 'upstream.args'],
    [{ upstream: { command: 'x', env: { A: 1 } } }, 'config_variable', 'upstream.env'],
    [{ upstream: { command: 'x', pool: 1.5 } }, 'config_number', 'upstream.pool'],
    [{ upstream: { command: 'x' }, http: { port: '80' } }, 'config_number', 'http.port'],
    [{ upstream: { command: 'x' }, http: { host: '0.0.0.0' } }, 'config_exposed', 'http.host'],
    [{ upstream: { command: 'x' }, http: { hots: 'x' } }, 'config_unknown_key', 'http.hots'],
    [{ upstream: { command: 'x' }, limit: {} }, 'config_unknown_key', 'limit'],
    [{ upstream: { command: 'x' }, log: { level: 'info' } }, 'config_unknown_key', 'log'],
  ])('%j are refused', (partial, code, where) => {
    expect(problemsOf(partial)).toContainEqual(expect.objectContaining({ code, where }))
  })
})

describe('the table of options', () => {
  test('gives each option a description, a reason and a default that the option accepts', () => {
    for (const { option } of schema) {
      expect(option.about).toMatch(/\.$/)
      expect(option.why).toMatch(/[.]$/)
      const fault = typeof option.default === 'object' ? undefined : checkOption(option, option.default)
      expect(fault).toBeUndefined()
    }
  })

  test('is printed completely into the document', () => {
    const text = configurationDocument()
    for (const row of schema) {
      expect(text).toContain(`### \`${row.module}.${row.key}\``)
      expect(text).toContain(`| \`${row.path}\` |`)
      expect(text).toContain(row.option.why)
    }
  })
})
