/** Compares the numbers that documents quote (numbers.mjs) with the options and constants of the code. */
import { parseSync } from 'oxc-parser'
import { lineAt } from './tree.mjs'

/**
 * Phrases that a document does not hold with the numbers of the code: `{ path, line, message }`.
 * @param options the rows of the options, `{ ownEnv, option: { kind, default } }`
 */
export function wrongNumbers(rows, tree, options) {
  return rows.flatMap(({ document, phrase, values }) => {
    const found = values.map((value) => valueOf(value, tree, options))
    const unknown = values.filter((_, at) => found[at] === undefined)
    if (unknown.length > 0)
      return [{ path: 'scripts/documents/numbers.mjs', line: 1, message: `${unknown.join(', ')}: has no number.` }]
    const text = tree.read(document)
    if (pattern(phrase, found.map(spellings)).test(text)) return []
    const asQuoted = pattern(
      phrase,
      found.map(() => undefined),
    ).exec(text)
    const wanted = found.reduce((words, one) => words.replace('{}', spellings(one)[0]), phrase)
    const message = `does not say "${wanted}" (${values.join(', ')}). Mend it, or the table in scripts/documents/numbers.mjs.`
    return [{ path: document, line: lineAt(text, asQuoted?.index ?? 0), message }]
  })
}

/** `{ kind, number }` of a variable of an option, or of a constant as `path name`. */
function valueOf(name, tree, options) {
  if (!name.includes(' ')) {
    const option = options.find(({ ownEnv }) => ownEnv === name)?.option
    return typeof option?.default === 'number' ? { kind: option.kind, number: option.default } : undefined
  }
  const [path, constant] = name.split(' ')
  if (!tree.has(`src/${path}`)) return undefined
  const number = constantOf(path, tree.read(`src/${path}`), constant)
  const kind = constant.endsWith('Ms') ? 'duration' : constant.endsWith('Bytes') ? 'bytes' : 'count'
  return number === undefined ? undefined : { kind, number }
}

function constantOf(path, text, name) {
  for (const node of parseSync(path, text).program.body) {
    const { declarations = [] } = node.declaration ?? node
    const found = declarations.find(({ id }) => id.name === name)
    if (found) return numberOf(found.init)
  }
  return undefined
}

/** The number that an expression of literals is. */
function numberOf(node) {
  if (node?.type === 'Literal' && typeof node.value === 'number') return node.value
  if (node?.type !== 'BinaryExpression') return undefined
  const [left, right] = [numberOf(node.left), numberOf(node.right)]
  if (left === undefined || right === undefined) return undefined
  if (node.operator === '*') return left * right
  if (node.operator === '**') return left ** right
  return node.operator === '+' ? left + right : undefined
}

const units = {
  duration: [
    [3_600_000, ['h', 'hours', 'hour']],
    [60_000, ['min', 'm', 'minutes', 'minute']],
    [1000, ['s', 'seconds', 'second']],
    [1, ['ms']],
  ],
  bytes: [
    [1024 ** 3, ['GiB', 'gb']],
    [1024 ** 2, ['MiB', 'mb']],
    [1024, ['KiB', 'kb']],
    [1, ['bytes']],
  ],
  count: [[1, ['']]],
}
const small = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve']

/** The ways in which people write a value, the usual one first: `30 s`, `30s`, `30 seconds`. */
function spellings({ kind, number }) {
  const whole = units[kind].toSorted(([a], [b]) => Number(number < a) - Number(number < b))
  return whole.flatMap(([size, names]) => {
    const count = number / size
    if (count < 0.1 || (count * 10) % 1 !== 0) return []
    const words = [count.toLocaleString('en-US'), ...(small[count] === undefined ? [] : [small[count]])]
    return names.flatMap((name) =>
      words.flatMap((word) => (name === '' ? [word] : [`${word} ${name}`, `${word}${name}`])),
    )
  })
}

/** A phrase as an expression; spaces may be any number, and a value that is undefined may be any. */
function pattern(phrase, values) {
  const waiting = [...values]
  const source = phrase.replace(/\{\}|…| +|[.+?^${}()|[\]\\*]/g, (found) => {
    if (found === '…') return '[^\\n]*?'
    if (found.startsWith(' ')) return '\\s+'
    if (found !== '{}') return `\\${found}`
    const ways = waiting.shift()
    return ways === undefined ? '[\\w,.]+(?: ?[a-zA-Z]+)?' : `(?<![\\w.,])(?:${ways.map(escaped).join('|')})(?!\\w)`
  })
  return new RegExp(source)
}

function escaped(text) {
  return text.replace(/[.+?^${}()|[\]\\*]/g, '\\$&')
}
