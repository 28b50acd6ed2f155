import { chmodSync, chownSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newApiKey } from './api-key.ts'
import { readKeysFile, readKeysFileForCommand, writeKeys } from './keys-file.ts'

let folder = ''
let path = ''
const { id, hash } = newApiKey()
const record = { id, hash, tenant: 'acme', subject: 'ann' }
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcplex-keys-file-'))
  path = join(folder, 'keys.json')
  writeFileSync(path, writeKeys([record]), { mode: 0o600 })
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('the keys of a file are those that were written, and one that is not there has none', () => {
  expect(readKeysFile(path)).toEqual([record])
  expect(readKeysFile(join(folder, 'none.json'))).toEqual([])
})

describe('a file is refused', () => {
  test.each<[string, () => void, string]>([
    ['that is a folder', () => (rmSync(path), mkdirSync(path)), 'is no file'],
    ['that its group may write', () => chmodSync(path, 0o620), 'chmod 600'],
    ['in a folder where every user may replace it', () => chmodSync(folder, 0o777), 'chmod o-w'],
    [
      'whose link is in such a folder',
      () => {
        const inner = join(folder, 'inner')
        mkdirSync(inner)
        renameSync(path, join(inner, 'keys.json'))
        symlinkSync('inner/keys.json', path)
        chmodSync(folder, 0o777)
      },
      'chmod o-w',
    ],
    ['with more than version and keys', () => writeFileSync(path, '{"version":1,"keys":[],"revoked":[]}'), 'is not {'],
  ])('%s', (_, spoil, fault) => {
    spoil()
    expect(() => readKeysFile(path)).toThrow(fault)
  })
})

test('in a folder such as /tmp a file is accepted: only its owner may replace it there', () => {
  chmodSync(folder, 0o1777)
  expect(readKeysFile(path)).toEqual([record])
})

test('a file of another user is refused, and root may change it all the same', () => {
  const isRoot = process.geteuid?.() === 0
  // Only root can give a file away; a file of another user stays one of its own.
  if (isRoot) chownSync(path, 65_534, 65_534)
  let fault = 'none'
  try {
    readKeysFile(path)
  } catch (error) {
    fault = String(error)
  }
  expect(fault).toMatch(isRoot ? /belongs to another user \(65534\)/ : /^none$/)
  expect(readKeysFileForCommand(path)).toEqual([record])
})
