/** `mcplex config --write` on files, and among writers, that make it easy to lose what was there. */
import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runCommand } from '../support/typed-command.ts'

let folder: string
const at = (...path: string[]): string => join(folder, ...path)

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcplex-files-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function write(file: string, name = 'mcplex'): Promise<{ exit: number | null; err: string }> {
  const running = runCommand(['config', 'cursor', '--write', '--file', file, '--name', name], { HOME: folder })
  const exit = await running.exit()
  return { exit, err: running.stderr() }
}

test('a file that is not UTF-8 is left as it is, to the byte', async () => {
  const bytes = Buffer.from('{\n  // caf\xe9\n}\n', 'latin1')
  writeFileSync(at('old.json'), bytes)
  const { exit, err } = await write(at('old.json'))
  expect(exit).toBe(1)
  expect(err).toContain('UTF-8')
  expect(readFileSync(at('old.json')).equals(bytes)).toBe(true)
  expect(readdirSync(folder)).toEqual(['old.json'])
})

test('a pipe is no file, and is not waited for', async () => {
  execFileSync('mkfifo', [at('pipe')])
  const { exit, err } = await write(at('pipe'))
  expect(exit).toBe(1)
  expect(err).toContain('is no file')
})

test('a link is followed from where it is, even by way of a linked folder', async () => {
  mkdirSync(at('kept', 'deep'), { recursive: true })
  symlinkSync(at('kept', 'deep'), at('short'))
  symlinkSync('../servers.json', at('kept', 'deep', 'mcp.json'))
  expect((await write(at('short', 'mcp.json'))).exit).toBe(0)
  expect(readdirSync(at('kept'))).toEqual(['deep', 'servers.json'])
})

test('of several writers at once each is in the file, or is told that it is not', { timeout: 60_000 }, async () => {
  const file = at('mcp.json')
  writeFileSync(file, '{}\n')
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  const exits = await Promise.all(names.map(async (name) => (await write(file, name)).exit))
  const { mcpServers = {} } = JSON.parse(readFileSync(file, 'utf8')) as { mcpServers?: object }
  expect(Object.keys(mcpServers).toSorted()).toEqual(names.filter((_, i) => exits[i] === 0))
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
})

test('the lock of a killed writer keeps others out for a moment only', async () => {
  const left = at('mcp.json.mcplex.tmp')
  writeFileSync(at('mcp.json'), '{}\n')
  writeFileSync(left, '{')
  expect((await write(at('mcp.json'))).err).toContain('at the same time')
  utimesSync(left, 1_000_000, 1_000_000)
  expect((await write(at('mcp.json'))).exit).toBe(0)
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
})
