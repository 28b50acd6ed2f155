/** The documents that are written by hand: names that are safe to run, a complete map, and complete decisions. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { workerEnds } from '../src/base/events.ts'

const root = join(import.meta.dirname, '..')

/** Documents in the root, in `docs/`, and one below the folders that have a README. */
const documents = [
  ...listed(root),
  ...listed(join(root, 'docs')),
  ...listed(join(root, 'docs', 'decisions')),
  ...['bench', 'conformance', 'field', 'test/fixtures'].flatMap((folder) => listed(join(root, folder))),
]

test('no document and no help says npx with a package name that others could own in the registry', () => {
  const sources = readdirSync(join(root, 'src', 'cli'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => join(root, 'src', 'cli', name))
  // In the folder of the checkout npx takes the checkout, and these two say so.
  const inCheckout = new Set(['README.md', 'CONTRIBUTING.md'])
  const found = [...documents, ...sources].filter((path) => {
    const text = readFileSync(path, 'utf8')
    const elsewhere = inCheckout.has(relative(root, path)) ? /$^/ : /npx mcplex (serve|connect|config)/
    return /npx (-y|--yes) mcplex\b|"-y",\s*"mcplex"|'-y',\s*'mcplex'/.test(text) || elsewhere.test(text)
  })
  expect(found).toEqual([])
})

test('ARCHITECTURE.md names every folder of src, and what each may import', () => {
  const map = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
  const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
  for (const { name } of folders) {
    expect(map).toContain(`\n  ${name}/ `)
    expect(map).toMatch(new RegExp(`\`${name}[/\`]`))
  }
})

test('decisions are numbered without a gap, and each says what would change it', () => {
  const paths = listed(join(root, 'docs', 'decisions')).toSorted()
  paths.forEach((path, at) => {
    expect(path).toContain(`${String(at + 1).padStart(4, '0')}-`)
    const text = readFileSync(path, 'utf8')
    expect(text).toMatch(new RegExp(`^# ${at + 1}\\. `))
    expect(text).toContain('\n## We would change our mind if\n')
  })
})

test('operations.md explains every reason for which workers end', () => {
  const text = readFileSync(join(root, 'docs', 'operations.md'), 'utf8')
  const [, section = ''] = /^### Why a process has ended\n([^#]*)/m.exec(text) ?? []
  const rows = section.split('\n').flatMap((line) => (line.startsWith('| `') ? (line.split(' | ')[0] ?? '') : []))
  const words = rows.flatMap((row) => Array.from(row.matchAll(/`(\w+)`/g), ([, word = '']) => word))
  expect(words.toSorted()).toEqual([...workerEnds].toSorted())
})

function listed(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))
}
