import { describe, expect, test } from 'vitest'
import * as architecture from './rules.mjs'
import { homonyms, offences, staleLongFiles, within } from './check.mjs'

/** The rules that `text` breaks as the file `path`. */
const broken = (path, text, rules) => offences(path, text, rules).map(({ line, rule }) => `${line} ${rule}`)
const allowed = []

describe('imports', () => {
  test.each([
    ['base/x.ts', '../protocol/call.ts'],
    ['admission/x.ts', '../sessions/session.ts'],
    ['admission/x.ts', '../backplane/memory.ts'],
    ['upstreams/stdio/x.ts', '../../catalog/catalog.ts'],
    ['upstreams/pooling/x.ts', '../stdio/spawn.ts'],
    ['router/x.ts', '../upstreams/stdio/spawn.ts'],
    ['upstreams/pooling/x.ts', '../connection/connection.ts'],
    ['upstreams/connection/x.ts', '../pooling/pool.ts'],
    ['gateway/legacy/x.ts', '../modern/call-request.ts'],
    ['client/x.ts', '../transports/http/respond.ts'],
    ['catalog/x.ts', '../upstreams/pooling/pool.ts'],
    ['transports/http/x.ts', '../../sessions/session.ts'],
    ['transports/http/x.ts', '../../admin/health.ts'],
    ['gateway/x.ts', '../config/load.ts'],
    ['config/x.ts', '../admission/admission.ts'],
    ['testing/x.ts', '../gateway/gateway.ts'],
    ['base/x.ts', '../index.ts'],
    ['attic/x.ts', '../base/clock.ts'],
  ])('%s may not import %s', (path, target) => {
    expect(broken(path, `\nimport { a } from '${target}'`)).toEqual(['2 import'])
  })

  test.each([
    ['admission/x.ts', '../base/clock.ts'],
    ['admission/x.ts', '../backplane/backplane.ts'],
    ['upstreams/stdio/x.ts', '../pooled/pooled-upstream.ts'],
    ['transports/stdio/x.ts', '../../client/session.ts'],
    ['catalog/x.ts', '../upstreams/upstream.ts'],
    ['config/x.ts', '../admission/options.ts'],
    ['backplane/memory/x.ts', '../../base/clock.ts'],
    ['admission/x.test.ts', '../backplane/memory.ts'],
    ['index.ts', './gateway/gateway.ts'],
    ['testing/x.ts', '../backplane/memory.ts'],
    ['cli/x.ts', '../gateway/gateway.ts'],
  ])('%s may import %s', (path, target) => {
    expect(broken(path, `import { a } from '${target}'`)).toEqual(allowed)
  })

  test('the gateway may import types of config, but no values', () => {
    expect(broken('gateway/x.ts', `import type { A } from '../config/settings.ts'`)).toEqual(allowed)
    expect(broken('gateway/x.ts', `import { type A } from '../config/settings.ts'`)).toEqual(allowed)
    expect(broken('gateway/x.ts', `import { type A, b } from '../config/settings.ts'`)).toEqual(['1 import'])
  })

  test('every way to import is seen', () => {
    const target = `'../sessions/session.ts'`
    expect(broken('admission/x.ts', `export { a } from ${target}`)).toEqual(['1 import'])
    expect(broken('admission/x.ts', `import ${target}`)).toEqual(['1 import'])
    expect(broken('admission/x.ts', `const a = await import(${target})`)).toEqual(['1 import'])
    expect(broken('admission/x.ts', `type A = import(${target}).A`)).toEqual(['1 import'])
    expect(broken('admission/x.ts', `export * from './y.ts'`)).toEqual(['1 export *'])
  })

  test('packages and builtins are imported where they have their home', () => {
    expect(broken('cli/x.ts', `import { Command } from 'commander'`)).toEqual(allowed)
    expect(broken('transports/http/x.ts', `import { Command } from 'commander'`)).toEqual(['1 import'])
    expect(broken('transports/http/x.ts', `import { Client } from '@scope/unlisted/sub'`)).toEqual(['1 import'])
    expect(broken('transports/http/listen.ts', `import { createServer } from 'node:http'`)).toEqual(allowed)
    expect(broken('gateway/x.ts', `import type { Server } from 'node:http'`)).toEqual(['1 import'])
    expect(broken('upstreams/stdio/child.ts', `import { spawn } from 'node:child_process'`)).toEqual(allowed)
    expect(broken('upstreams/pooling/pool.ts', `import { spawn } from 'node:child_process'`)).toEqual(['1 import'])
    expect(broken('protocol/x.ts', `import { readFileSync } from 'node:fs'`)).toEqual(['1 import'])
    expect(broken('protocol/x.ts', `import { Buffer } from 'node:buffer'`)).toEqual(allowed)
  })
})

describe('globals', () => {
  test.each([
    ['process.env', 'const a = process.env'],
    ['process.env', `const a = process['env']`],
    ['process.env', 'const { env } = process'],
    ['console', 'console.error(1)'],
    ['Date.now', 'const a = Date.now()'],
    ['new Date()', 'const a = new Date()'],
    ['setTimeout', 'setTimeout(() => {}, 1)'],
    ['setInterval', 'setInterval(() => {}, 1)'],
    ['AbortSignal.timeout', 'const a = AbortSignal.timeout(1)'],
  ])('%s has one home', (rule, text) => {
    expect(broken('admission/x.ts', text)).toEqual([`1 ${rule}`])
    expect(broken(`${architecture.globals[rule].in[0].replace(/\.ts$/, '')}.ts`, text)).toEqual(allowed)
  })

  test('what only looks like one is let through', () => {
    expect(
      broken('admission/x.ts', `// console.log(Date.now())\nsocket.setTimeout(1); new Date(5); a.console()`),
    ).toEqual(allowed)
    expect(broken('admission/x.ts', `const a = 'process.env'; constructor()`)).toEqual(allowed)
  })

  test('tests may read the clock, but not talk', () => {
    expect(broken('admission/x.test.ts', 'setTimeout(() => {}, 1)')).toEqual(allowed)
    expect(broken('admission/x.test.ts', 'console.log(1)')).toEqual(['1 console'])
  })
})

describe('eras', () => {
  test.each([`a.era === 'legacy'`, `'modern' !== b`, `c == '2026-07-28'`, `switch (d) { case 'legacy': e() }`])(
    '%s is refused outside of the eras',
    (text) => {
      expect(broken('admission/x.ts', text)).toEqual(['1 era'])
      expect(broken('protocol/x.ts', text)).toEqual(allowed)
    },
  )

  test('an era may be named', () => {
    expect(broken('gateway/x.ts', `import { a } from '../protocol/legacy-server.ts'`)).toEqual(allowed)
    expect(broken('admission/x.ts', `// legacy\nf('modern', legacyName, a.isModern)`)).toEqual(allowed)
  })
})

describe('words', () => {
  test('a name with an unclear word in it is refused, in code and as the name of a file', () => {
    expect(broken('admission/x.ts', 'const bellOn = 1')).toEqual(['1 unclear word'])
    expect(broken('admission/x.ts', 'f(mySeat)')).toEqual(['1 unclear word'])
    expect(broken('admission/x.ts', 'class A { #desk = 1 }')).toEqual(['1 unclear word'])
    expect(broken('admission/client-desk.ts', 'f()')).toEqual(['1 unclear word'])
    expect(broken('admission/x.ts', `// the bell\nf('desk', labelled, seated)`)).toEqual(allowed)
  })

  test('one name has one meaning: two files do not export it', () => {
    const texts = (a, b) =>
      new Map([
        ['admission/a.ts', a],
        ['admission/b.ts', b],
      ])
    expect(homonyms(texts('export const x = 1', 'export interface x {}')).map(({ path }) => path)).toEqual([
      'admission/a.ts',
      'admission/b.ts',
    ])
    expect(homonyms(texts('export function x() {}', `export { x } from './a.ts'`))).toEqual([])
    expect(homonyms(texts('export class X {}', 'class X {}'))).toEqual([])
  })
})

describe('files', () => {
  test('state at module level is refused, a filled table is not', () => {
    expect(broken('admission/x.ts', 'let a = 1')).toEqual(['1 state of a module'])
    expect(broken('admission/x.ts', 'export const a = new Map()')).toEqual(['1 state of a module'])
    expect(broken('admission/x.ts', 'export const a = new Map([[1, 2]])\nfunction f() { let b }')).toEqual(allowed)
    expect(broken('admission/x.test.ts', 'let a = 1')).toEqual(allowed)
  })

  test('a long file needs a reason, a very long one must be split', () => {
    const listed = { ...architecture, longFiles: { 'admission/x.ts': 'a reason' } }
    expect(broken('admission/x.ts', 'f()\n'.repeat(300))).toEqual(allowed)
    expect(broken('admission/x.ts', 'f()\n'.repeat(301))).toEqual(['1 long file'])
    expect(broken('admission/x.ts', 'f()\n'.repeat(400), listed)).toEqual(allowed)
    expect(broken('admission/x.ts', 'f()\n'.repeat(401), listed)).toEqual(['1 long file'])
  })

  test('a reason that is not needed any more is an error', () => {
    const listed = { ...architecture, longFiles: { 'admission/x.ts': 'a reason' } }
    expect(staleLongFiles(new Map([['admission/x.ts', 'f()\n'.repeat(301)]]), listed)).toEqual([])
    expect(staleLongFiles(new Map([['admission/x.ts', 'f()\n']]), listed)).toHaveLength(1)
    expect(staleLongFiles(new Map(), listed)).toHaveLength(1)
  })

  test('a file that does not parse is an offence', () => {
    expect(broken('admission/x.ts', 'const = 1')).toEqual(['1 syntax'])
  })
})

test('a place is a module, a folder, a file or one name in every module', () => {
  expect(within('admission/options.ts', ['*/options.ts'])).toBe(true)
  expect(within('admission/sub/options.ts', ['*/options.ts'])).toBe(false)
  expect(within('admissionx/a.ts', ['admission'])).toBe(false)
  expect(within('index.ts', ['index'])).toBe(true)
})
