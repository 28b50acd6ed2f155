/**
 * The messages of the log: every one that the code can write is explained in a table of docs/operations.md, with its
 * level, and the tables explain none that the code cannot write.
 *
 * A message stands at the call of the log, as the code is written here: a text, or a choice of texts. What is put into
 * it is shown as `…`. A table of messages has the head `msg` and a column `level`.
 */
import { lineAt } from './tree.mjs'

/** Functions that log what stands in one of their arguments. */
const wrappers = new Map([
  ['src/cli/log-events.ts', [{ name: 'line', at: 0, level: 'info' }]],
  ['src/cli/log.ts', [{ name: 'lineOf', at: 3, level: 'warn' }]],
])

/** Modules that pass on messages of others: of the log itself, and problems of a configuration (docs/errors.md). */
const passed = new Map([
  ['src/base/log.ts', ['message']],
  ['src/cli/log.ts', ['message']],
  ['src/cli/log-events.ts', ['message']],
  ['src/cli/commands/serve/reloading.ts', ['one.message', 'message']],
  ['src/cli/commands/serve/serve-loaded.ts', ['one.message']],
])

const call = /(?<![\w$])(?:log|\w*Log)\.(debug|info|warn|error)\(/g

/**
 * The messages of the module `path`: `{ path, line, level, text }`. `text` is undefined where the message does not stand at
 * the call.
 */
export function messagesOf(path, text) {
  const found = []
  for (const { 0: head, 1: level, index } of text.matchAll(call)) {
    const expression = argumentsAt(text, index + head.length)[1]
    if (expression === undefined || passed.get(path)?.includes(expression)) continue
    for (const message of textsOf(expression)) found.push({ path, line: lineAt(text, index), level, text: message })
  }
  for (const { name, at, level } of wrappers.get(path) ?? []) {
    for (const { 0: head, index } of text.matchAll(new RegExp(`(?<![\\w.]|function )${name}\\(`, 'g'))) {
      const expression = argumentsAt(text, index + head.length)[at]
      for (const message of textsOf(expression)) found.push({ path, line: lineAt(text, index), level, text: message })
    }
  }
  return found
}

/** The messages that the tables of a document explain: `{ line, text, levels }`. */
export function explainedMessages(text) {
  const found = []
  let level = -1
  for (const [at, line] of text.split('\n').entries()) {
    const cells = line.startsWith('|')
      ? line
          .split(/(?<!\\)\|/)
          .slice(1, -1)
          .map((cell) => cell.trim())
      : []
    if (cells.length === 0) level = -1
    else if (cells[0] === '`msg`') level = cells.indexOf('level')
    else if (level >= 0) {
      const levels = cells[level]?.match(/[a-z]+/g) ?? []
      for (const [, message] of cells[0].matchAll(/`([^`]+)`/g)) found.push({ line: at + 1, text: message, levels })
    }
  }
  return found
}

/** What `document` does not explain of the messages of `modules`, and what it explains that is gone: `{ path, line, message }`. */
export function wrongMessages(document, modules, tree) {
  const written = modules.flatMap((path) => messagesOf(path, tree.read(path)))
  const explained = explainedMessages(tree.read(document))
  const missing = written.flatMap(({ path, line, level, text }) => {
    if (text === undefined) return [{ path, line, message: 'a message of the log that does not stand at its call' }]
    const rows = explained.filter((row) => isSame(row.text, text))
    if (rows.some(({ levels }) => levels.includes(level))) return []
    const fault = rows.length > 0 ? `with the level ${level}` : 'at all'
    return [{ path, line, message: `"${text}" is a message of the log that ${document} does not explain ${fault}` }]
  })
  const gone = explained
    .filter((row) => !written.some(({ text }) => text !== undefined && isSame(row.text, text)))
    .map(({ line, text }) => ({ path: document, line, message: `"${text}" is a message that the log never has` }))
  return [...missing, ...gone]
}

/** Whether a message of a document is one of the code; `…` in the document stands for any text. */
function isSame(explained, written) {
  if (!explained.includes('…')) return explained === written
  const parts = explained.split('…').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's').test(written)
}

/** The texts that an expression can be; undefined for what is no text. */
function textsOf(expression) {
  const literals = [...expression.matchAll(/(?:^|[?:])\s*(?:'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`)/g)]
  if (literals.length === 0) return [undefined]
  return literals.map(([, plain, template]) => plain ?? template.replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, '…'))
}

/** The arguments of the call whose first one begins at `from`, as source text. */
function argumentsAt(text, from) {
  const found = []
  let depth = 0
  let start = from
  for (let at = from; at < text.length; at++) {
    const char = text[at]
    if (char === "'" || char === '"' || char === '`') at = endOfText(text, at)
    else if ('([{'.includes(char)) depth++
    else if (depth === 0 && (char === ',' || char === ')')) {
      const argument = text.slice(start, at).trim()
      if (argument !== '') found.push(argument)
      start = at + 1
      if (char === ')') return found
    } else if (')]}'.includes(char)) depth--
  }
  return found
}

function endOfText(text, from) {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === text[from]) return at
  }
  return text.length
}
