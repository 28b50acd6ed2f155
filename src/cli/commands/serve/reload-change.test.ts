import { expect, test } from 'vitest'
import { type LoadedFile, loadFile } from '../../../config/file/load-file.ts'
import { fileStructure } from '../../../config/file/structure.ts'
import { changeOf, linesOf } from './reload-change.ts'

const machine = { env: { PATH: '/bin' }, memoryBytes: 4 * 1024 ** 3, heapLimitBytes: 2 * 1024 ** 3 }
const readFile = (): { fault: string } => ({ fault: 'is not there' })

function loadText(text: string): LoadedFile {
  const source = { file: 'a.yaml', path: '/etc/a.yaml', text, structure: fileStructure(), env: machine.env, readFile }
  return loadFile(source, new Map(), machine)
}

const none = { added: [], changed: [], removed: [] }

test.each([
  ['concurrency: 7', ['changed: one']],
  ['breaker: { errorPercent: 50 }', ['changed: one']],
  ['pool: { max: 3 }', ['changed: one']],
  ['retry: { idempotent: true }', ['changed: one']],
  ['command: x', []],
])('a server that goes on with %s: %j', (setting, lines) => {
  const server = (own: string): LoadedFile => loadText(`upstreams: { one: { ${own} }, two: { command: x } }`)
  const report = { ...none, kept: ['one', 'two'], endpoints: none, tenants: none, needsRestart: [] }
  const next = server(setting.startsWith('command') ? setting : `command: x, ${setting}`)
  expect(linesOf(changeOf(report, [], server('command: x'), next))).toEqual(lines)
  // Taken back, it has changed as well.
  expect(linesOf(changeOf(report, [], next, server('command: x')))).toEqual(lines)
})

test('sizes that follow from the number of servers are no change', () => {
  const before = loadText('upstreams: { one: { command: x } }')
  const next = loadText('upstreams: { one: { command: x }, two: { command: x } }')
  const report = { ...none, added: ['two'], kept: ['one'], endpoints: none, tenants: none, needsRestart: [] }
  expect(changeOf(report, [], before, next)).toMatchObject({ added: ['two'], changed: [] })
})
