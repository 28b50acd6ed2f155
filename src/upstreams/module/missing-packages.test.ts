import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { installCommand, missingPackages } from './missing-packages.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcplex-packages-'))
  mkdirSync(join(folder, 'node_modules/@a/b'), { recursive: true })
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function put(name: string, text: string): string {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}

test.each([
  ["import 'x'\nimport { a } from '@a/b/c'", ['x']],
  [
    "#!/usr/bin/env node\n'use strict'\n// import 'no'\n/* import 'no' */\nimport * as a from \"@c/d/e\";import f, { g as h } from 'i'",
    ['@c/d', 'i'],
  ],
  ["import { readFile } from 'node:fs/promises'\nimport { join } from 'path'\nimport './own.mjs'\nimport '#own'", []],
  ["import json from './a.json' with { type: 'json' }\nimport{j}from'k'", ['k']],
  // Only what stands at the beginning: further below it may be a text.
  ["const a = `\nimport React from 'react'`", []],
  ["const { a } = await import('later')", []],
  ["import.meta.url\nimport 'no'", []],
  ['import {', []],
])('in %j, %j are missing', (text, names) => {
  expect(missingPackages(put('a.mjs', text))).toEqual(names)
})

test('a package imports itself by its name, and packages of the folders above', () => {
  put('package.json', '{"name":"own"}')
  mkdirSync(join(folder, 'src'))
  expect(missingPackages(put('src/a.mjs', "import 'own/part'\nimport '@a/b'\nimport 'other'"))).toEqual(['other'])
})

test('what is no JavaScript, or not there, lacks nothing', () => {
  for (const name of ['a.ts', 'a.cjs']) expect(missingPackages(put(name, "import 'x'"))).toEqual([])
  expect(missingPackages(join(folder, 'none.mjs'))).toEqual([])
})

test('mcplex is installed from where it runs, because the registry may have another one of this name', () => {
  const root = resolve(import.meta.dirname, '../../..')
  expect(installCommand(['mcplex', 'zod'])).toBe(`npm install ${root} zod`)
})
