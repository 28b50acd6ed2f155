/**
 * Applies the rules of the architecture (rules.mjs) to the text of `src/`.
 * Promises: looks at syntax, not at text, so comments never offend; reports every offence with its line and what to
 * do instead. Leaves cycles and types to the linter, dead files and exports to knip.
 */
import { parseSync, visitorKeys } from 'oxc-parser'
import { posix } from 'node:path'
import * as architecture from './rules.mjs'

/** Whether `path` lies in one of `places`. */
export function within(path, places) {
  return places.some((place) => {
    if (place.startsWith('*/')) return path.split('/').length === 2 && path.endsWith(place.slice(1))
    return path === place || path === `${place}.ts` || path.startsWith(`${place}/`)
  })
}

/** All offences in one file. `path` is below `src/`. */
export function offences(path, text, rules = architecture) {
  const { program, errors } = parseSync(path, text)
  if (errors[0]) return [{ path, line: 1, rule: 'syntax', message: errors[0].message }]
  const file = { path, module: moduleOf(path, rules), isTest: path.endsWith('.test.ts'), rules }
  const found = [...imports(file, program), ...state(file, program), ...words(file, program), ...size(file, text)]
  return found.map(({ at, ...offence }) => ({ path, line: text.slice(0, at).split('\n').length, ...offence }))
}

/** The module that a file belongs to: the longest path of one that holds it, or the first folder, which is then unknown. */
function moduleOf(path, rules) {
  const names = Object.keys(rules.modules).filter((name) => within(path, [name]))
  return names.sort((a, b) => b.length - a.length)[0] ?? path.split('/')[0].replace(/\.ts$/, '')
}

/**
 * Names that two files export, each with a meaning of its own: a reader has to look which one is meant.
 * @param texts the text of each file by its path below `src/`
 */
export function homonyms(texts) {
  const homes = new Map()
  for (const [path, text] of texts) {
    if (path.endsWith('.test.ts')) continue
    for (const node of parseSync(path, text).program.body) {
      if (node.type !== 'ExportNamedDeclaration' || !node.declaration) continue
      const { declaration } = node
      const names = declaration.declarations?.map(({ id }) => id.name) ?? [declaration.id?.name]
      const line = text.slice(0, node.start).split('\n').length
      for (const name of new Set(names)) {
        if (name === undefined) continue
        const found = homes.get(name) ?? []
        if (!found.some((home) => home.path === path)) found.push({ path, line })
        homes.set(name, found)
      }
    }
  }
  return [...homes].flatMap(([name, found]) =>
    found.length < 2
      ? []
      : found.map(({ path, line }) => ({
          path,
          line,
          rule: 'homonym',
          message: `${name} is exported by ${found.map((home) => home.path).join(' and ')}: give each its own name.`,
        })),
  )
}

/** Entries of the list of long files that are not needed (any more). */
export function staleLongFiles(texts, rules = architecture) {
  return Object.keys(rules.longFiles)
    .filter((path) => lines(texts.get(path) ?? '') <= rules.lineLimit)
    .map((path) => ({
      path,
      line: 1,
      rule: 'long file',
      message: 'is short again: take it off the list of long files.',
    }))
}

function* imports(file, program) {
  for (const node of walk(program)) {
    const source = node.source
    if (node.type === 'ExportAllDeclaration' && !node.exported && !file.isTest)
      yield { at: node.start, rule: 'export *', message: file.rules.starExports.instead }
    if (source?.type !== 'Literal' || typeof source.value !== 'string') continue
    const why = forbidden(file, source.value, typesOnly(node))
    if (why) yield { at: node.start, rule: 'import', message: `may not import ${source.value}. ${why}` }
  }
}

/** Why `file` may not import `specifier`; undefined if it may. */
function forbidden(file, specifier, isType) {
  const { path, module, isTest, rules } = file
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(path), specifier)
    const row = rules.modules[module]
    if (!row) return `The module ${module} is not in the table of scripts/architecture/rules.mjs.`
    const own = moduleOf(target, rules) === module
    const may = [
      ...row.may,
      ...(isType ? (row.types ?? []) : []),
      ...(isTest ? [...rules.testsMayAlso, ...(row.tests ?? [])] : []),
    ]
    return own || within(target, may) ? undefined : row.instead
  }
  if (specifier.startsWith('node:')) {
    const rule = rules.builtins[specifier]
    if (isTest) return undefined
    if (rule) return within(path, rule.in) ? undefined : rule.instead
    const impure = module === 'protocol' && !rules.pureBuiltins.includes(specifier)
    return impure ? rules.modules.protocol.instead : undefined
  }
  if (isTest) return undefined
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  const rule = rules.packages[name]
  if (!rule)
    return 'A runtime package needs a reason, a line in package.json and one in scripts/architecture/rules.mjs.'
  return within(path, rule.in) ? undefined : rule.instead
}

function typesOnly(node) {
  if (node.importKind === 'type' || node.exportKind === 'type' || node.type === 'TSImportType') return true
  const names = node.specifiers ?? []
  return names.length > 0 && names.every((name) => name.importKind === 'type' || name.exportKind === 'type')
}

function* state({ isTest, rules }, program) {
  if (isTest && rules.moduleState.tests) return
  for (const statement of program.body) {
    const declaration = statement.declaration ?? statement
    if (declaration.type !== 'VariableDeclaration' || declaration.declare) continue
    for (const { start, init } of declaration.declarations) {
      const empty =
        init?.type === 'NewExpression' && /^(Weak)?(Map|Set)$/.test(init.callee.name) && !init.arguments.length
      if (declaration.kind !== 'const' || empty)
        yield { at: start, rule: 'state of a module', message: rules.moduleState.instead }
    }
  }
}

function* words({ path, isTest, rules }, program) {
  const eraMatters = !within(path, rules.eras.in) && !(isTest && rules.eras.tests)
  yield* unclear(path.replace(/^.*\//, '').split('.')[0], 0, rules)
  for (const node of walk(program)) {
    const name = globalName(node)
    const rule = name === undefined || !Object.hasOwn(rules.globals, name) ? undefined : rules.globals[name]
    if (rule && !within(path, rule.in) && !(isTest && rule.tests))
      yield { at: node.start, rule: name, message: rule.instead }
    const era = eraMatters ? comparedEra(node, rules.eras.pattern) : undefined
    if (era !== undefined) yield { at: node.start, rule: 'era', message: `${era}: ${rules.eras.instead}` }
    if (node.type === 'Identifier' || node.type === 'PrivateIdentifier') yield* unclear(node.name, node.start, rules)
  }
}

/** A name of which a part is an unclear word. */
function* unclear(name, at, { unclearWords }) {
  for (const word of name.split(/[^A-Za-z]|(?<=[a-z])(?=[A-Z])/)) {
    const instead = Object.hasOwn(unclearWords, word.toLowerCase()) ? unclearWords[word.toLowerCase()] : undefined
    if (instead !== undefined) yield { at, rule: 'unclear word', message: `${name}: say ${instead}.` }
  }
}

/** The name of the era or revision that a value is compared with. */
function comparedEra(node, pattern) {
  const sides =
    node.type === 'BinaryExpression' && /^[!=]==?$/.test(node.operator)
      ? [node.left, node.right]
      : node.type === 'SwitchCase'
        ? [node.test]
        : []
  const found = sides.find((side) => side?.type === 'Literal' && pattern.test(String(side.value)))
  return found?.value
}

/** The global a node speaks of, as the table of globals names it. */
function globalName(node) {
  if (node.type === 'MemberExpression' && node.object.type === 'Identifier') {
    if (node.object.name === 'console') return 'console'
    return `${node.object.name}.${node.computed ? node.property.value : node.property.name}`
  }
  if (node.type === 'VariableDeclarator' && node.init?.type === 'Identifier' && node.id.type === 'ObjectPattern')
    return `${node.init.name}.${node.id.properties.find((property) => property.key?.name === 'env')?.key.name}`
  if (node.type === 'NewExpression' && node.callee.name === 'Date' && !node.arguments.length) return 'new Date()'
  if (node.type === 'CallExpression') return node.callee.name
  return undefined
}

function* size({ path, rules }, text) {
  const count = lines(text)
  if (path.endsWith('.test.ts') || count <= rules.lineLimit) return
  const excused = Object.hasOwn(rules.longFiles, path) && count <= rules.lineCeiling
  const way = count > rules.lineCeiling ? 'split it' : 'split it, or give the reason in scripts/architecture/rules.mjs'
  if (!excused) yield { at: 0, rule: 'long file', message: `has ${count} lines, more than ${rules.lineLimit}: ${way}.` }
}

function lines(text) {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
}

function* walk(node) {
  yield node
  for (const key of visitorKeys[node.type] ?? []) {
    for (const child of [node[key]].flat()) if (child) yield* walk(child)
  }
}
