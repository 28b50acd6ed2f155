/**
 * Checks that what documents and comments say of the repository is so, and ends with 1 if not: the paths and links
 * that they name are there, also in the package, the numbers that they quote are those of the code, each message of the
 * log is explained, and no mark stands in them that a reader cannot look up. Needs the build, as it reads the options
 * from `dist`.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { wrongNumbers } from './documents/check-numbers.mjs'
import { deadPackedLinks, wrongLinks } from './documents/links.mjs'
import { wrongMessages } from './documents/log-messages.mjs'
import { privateMarks } from './documents/marks.mjs'
import { quotedNumbers } from './documents/numbers.mjs'
import { deadPathsOfDocument, deadPathsOfSource } from './documents/paths.mjs'
import { readTree } from './documents/tree.mjs'
import { schema } from '../dist/config/schema.js'

const root = join(import.meta.dirname, '..')
const tree = readTree(root)
const documents = tree.paths.filter((path) => path.endsWith('.md'))
const sources = tree.paths.filter((path) => path.startsWith('src/') && path.endsWith('.ts'))
const texts = tree.paths.filter((path) => /\.(md|ts|mjs)$/.test(path) && !path.startsWith('scripts/documents/'))

const found = [
  ...documents.flatMap((path) => wrongLinks(path, tree.read(path), tree)),
  ...documents.flatMap((path) => deadPathsOfDocument(path, tree.read(path), tree)),
  ...sources.flatMap((path) => deadPathsOfSource(path, tree.read(path), tree)),
  ...texts.flatMap((path) => privateMarks(path, tree.read(path))),
  ...wrongNumbers(quotedNumbers, tree, schema),
  ...wrongMessages(
    'docs/operations.md',
    sources.filter((path) => !path.endsWith('.test.ts')),
    tree,
  ),
  ...deadPackedLinks(packed(), tree),
]
for (const { path, line, message } of found) console.log(`${path}:${line} ${message}`)
console.log(`documents: ${documents.length} documents, ${sources.length} modules, ${found.length} offences`)
process.exitCode = found.length === 0 ? 0 : 1

/** The paths of the files that `npm pack` would put into the package. */
function packed() {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts']
  const { stdout, error } = spawnSync('npm', args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 ** 2 })
  if (error) throw error
  return JSON.parse(stdout)[0].files.map(({ path }) => path)
}
