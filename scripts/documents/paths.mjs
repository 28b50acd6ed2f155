/**
 * Paths of the repository that a document or a comment names: each is there. A name in backticks counts as a path if
 * it begins with a folder of the repository or of `src/`, or ends as our files do; `<any>`, `*` and `{a,b}` may stand
 * in it. In comments paths count without backticks, too.
 */
import { parseSync } from 'oxc-parser'
import { posix } from 'node:path'
import { lineAt, withoutFences } from './tree.mjs'

const ending = /\.(ts|mjs|md|sh|conf)$/
const shape = /^[\w@.{},*<>-]+(\/[\w@.{},*<>-]*)*$/
/** What a build, a run or an installation makes. */
const made = /(^|\/)(node_modules|out|results)(\/|$)/

/** Paths in a Markdown document that are not there: `{ path, line, message }`. */
export function deadPathsOfDocument(path, text, tree) {
  const plain = withoutFences(text)
  return missing(path, plain, inBackticks(plain), tree)
}

/** Paths in the comments of a module, and documents that its texts name, that are not there. */
export function deadPathsOfSource(path, text, tree) {
  const names = parseSync(path, text).comments.flatMap(({ value, start }) => {
    const offset = start + 2
    const bare = [...value.matchAll(/(?<![\w./`<-])(?:[\w-]+\/)+[\w.-]+\.(?:ts|mjs|md)\b/g)]
    return [...inBackticks(value), ...bare.map(named), ...decisions(value)].map(({ name, at }) => ({
      name,
      at: at + offset,
    }))
  })
  const documents = [...text.matchAll(/\bdocs\/[\w/.-]+\.md\b/g)].map(named)
  return missing(path, text, [...names, ...documents], tree)
}

function inBackticks(text) {
  return [...text.matchAll(/`([^`\s]+)`/g)].map((match) => ({ name: match[1], at: match.index }))
}

/** `docs/decisions/0006` stands for the one document that begins so. */
function decisions(text) {
  return [...text.matchAll(/\bdocs\/decisions\/\d{4}\b(?!-)/g)].map(({ 0: name, index }) => ({
    name: `${name}-*.md`,
    at: index,
  }))
}

function named({ 0: name, index }) {
  return { name, at: index }
}

function missing(path, text, names, tree) {
  const seen = new Set()
  return names
    .filter(({ name }) => isPath(name, tree) && !isThere(path, name, tree))
    .map(({ name, at }) => ({ path, line: lineAt(text, at), message: `${name}: there is no such file.` }))
    .filter(({ line, message }) => !seen.has(`${line} ${message}`) && seen.add(`${line} ${message}`))
}

function isPath(name, tree) {
  if (!shape.test(name) || made.test(name) || name.startsWith('@')) return false
  const [first = '', ...others] = name.replace(/^(\.\.?\/)+/, '').split('/')
  if (ending.test(name)) return name.replace(ending, '').length > 0
  return others.length > 0 && (tree.has(first) || tree.has(`src/${first}`) || first === 'dist')
}

function isThere(path, name, tree) {
  return expanded(name).every((one) => {
    const source = one.replace(/^dist(?=\/)/, 'src').replace(/(?<=^src\/.*)(\.d\.ts|\.js)$/, '.ts')
    const bases = ['', 'src', ...foldersOf(path)]
    if (!source.includes('/')) bases.push('**')
    return bases.some((base) => matches(base, source, tree))
  })
}

/** The folders that hold `path`, the nearest first: a module names its own files without its folder. */
function foldersOf(path) {
  const folder = posix.dirname(path)
  return folder === '.' ? [] : [folder, ...foldersOf(folder)]
}

function matches(base, name, tree) {
  const path = base === '**' ? name : posix.join(base, name)
  if (tree.has(path) || tree.has(`${path}.ts`)) return true
  if (base !== '**' && !/[*<]/.test(path)) return false
  const pattern = path
    .replace(/\/$/, '')
    .replace(/<[^>]*>/g, '*')
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '[^/]*')
  return tree.some(new RegExp(`${base === '**' ? '(^|/)' : '^'}${pattern}$`))
}

/** `a/{b,c}.ts` is `a/b.ts` and `a/c.ts`. */
function expanded(name) {
  const match = /\{([^{}]*)\}/.exec(name)
  if (!match) return [name]
  return match[1].split(',').flatMap((one) => expanded(name.replace(match[0], one)))
}
