/**
 * Applies the rules of the house (rules.mjs) to the text of `src/`.
 * Promises: looks at syntax, not at text, so comments never offend; reports every offence with its line and what to
 * do instead. Leaves cycles and types to the linter, dead files and exports to knip.
 */
import { parseSync, visitorKeys } from 'oxc-parser'
import { posix } from 'node:path'
import * as house from './rules.mjs'

/** Whether `path` lies in one of `places`. */
export function within(path, places) {
  return places.some((place) => {
    if (place.startsWith('*/')) return path.split('/').length === 2 && path.endsWith(place.slice(1))
    return path === place || path === `${place}.ts` || path.startsWith(`${place}/`)
  })
}

/** All offences in one file. `path` is below `src/`. */
export function offences(path, text, rules = house) {
  const { program, errors } = parseSync(path, text)
  if (errors[0]) return [{ path, line: 1, rule: 'syntax', message: errors[0].message }]
  const file = { path, room: path.split('/')[0].replace(/\.ts$/, ''), isTest: path.endsWith('.test.ts'), rules }
  const found = [...imports(file, program), ...state(file, program), ...words(file, program), ...size(file, text)]
  return found.map(({ at, ...offence }) => ({ path, line: text.slice(0, at).split('\n').length, ...offence }))
}

/** Entries of the list of long files that are not needed (any more). */
export function staleLongFiles(texts, rules = house) {
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
  const { path, room, isTest, rules } = file
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(path), specifier)
    const row = rules.rooms[room]
    if (!row) return `The room ${room} is not in the table of scripts/house/rules.mjs.`
    const may = [room, ...row.may, ...(isType ? (row.types ?? []) : []), ...(isTest ? rules.testsMayAlso : [])]
    return within(target, may) ? undefined : row.instead
  }
  if (specifier.startsWith('node:')) {
    const rule = rules.builtins[specifier]
    if (isTest) return undefined
    if (rule) return within(path, rule.in) ? undefined : rule.instead
    const impure = room === 'protocol' && !rules.pureBuiltins.includes(specifier)
    return impure ? rules.rooms.protocol.instead : undefined
  }
  if (isTest) return undefined
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  const rule = rules.packages[name]
  if (!rule) return 'A runtime package needs a reason, a line in package.json and one in scripts/house/rules.mjs.'
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
  const era = rules.eraWords
  const eraMatters = !within(path, era.in) && !(isTest && era.tests)
  const specifiers = new Set()
  for (const node of walk(program)) {
    if (node.source) specifiers.add(node.source)
    const name = globalName(node)
    const rule = name === undefined || !Object.hasOwn(rules.globals, name) ? undefined : rules.globals[name]
    if (rule && !within(path, rule.in) && !(isTest && rule.tests))
      yield { at: node.start, rule: name, message: rule.instead }
    const word = eraMatters && !specifiers.has(node) ? wordOf(node) : undefined
    if (word !== undefined && era.pattern.test(word))
      yield { at: node.start, rule: 'era word', message: `${word}: ${era.instead}` }
  }
}

/** A name, or a string that is a token rather than prose. */
function wordOf(node) {
  const text =
    node.type === 'Identifier'
      ? node.name
      : node.type === 'Literal' && typeof node.value === 'string'
        ? node.value
        : node.type === 'TemplateElement'
          ? node.value.cooked
          : undefined
  return text === undefined || /\s/.test(text) ? undefined : text
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
  const way = count > rules.lineCeiling ? 'split it' : 'split it, or give the reason in scripts/house/rules.mjs'
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
