/** Shows a place of a text file to people: line, column, and the lines around it, with secrets masked. Pure. */
import type { FilePlace } from '../problem.ts'
import { maxQuote, showWord } from './show-word.ts'

/** A part of a text: offsets of its first character, and of the one after its last. */
export interface TextSpan {
  readonly start: number
  readonly end: number
}

export interface SourceText {
  /** The name of the file, as it is shown. */
  readonly file: string
  readonly text: string
  /** The parts that nobody may see, such as values of variables. */
  readonly secrets: readonly TextSpan[]
}

const mask = '***'

/** Longer lines are cut. */
const maxColumns = 100

/**
 * @param span what is to be marked; only the part in its first line is
 * @param label the text behind the mark
 */
export function placeOf(source: SourceText, span: TextSpan, label = ''): FilePlace {
  const { text } = source
  const start = Math.min(span.start, text.length)
  const from = text.lastIndexOf('\n', start - 1) + 1
  const line = countLines(text, from)
  const shown = showLine(source, from)
  const end = Math.min(Math.max(span.end, start + 1), shown.end)
  const [first, last] = [shown.columnOf(start), shown.columnOf(end)]
  const width = String(line).length + 3
  const row = (number: string, content: string): string => `${number.padStart(width)} | ${content}`.trimEnd()
  const mark = `${' '.repeat(first)}${'^'.repeat(Math.max(1, last - first))} ${label}`
  const before = from > 0 ? showLine(source, text.lastIndexOf('\n', from - 2) + 1).content : ''
  return {
    file: source.file,
    line,
    column: start - from + 1,
    frame: [
      ...(before.trim() === '' ? [] : [row(String(line - 1), before)]),
      row(String(line), shown.content),
      row('', mark),
    ],
  }
}

/** What stands at a place, for a sentence: a mask if that is part of a secret. */
export function wordAt({ text, secrets }: SourceText, { start, end }: TextSpan): string {
  const word = text.slice(start, end).slice(0, maxQuote)
  // A bracket or a quote is none.
  if (/^[[\]{},:"'\s]?$/.test(word)) return word.trim()
  return secrets.some((one) => one.start < end && one.end > start) ? mask : showWord(word)
}

/** The number of the line that begins at an offset. */
function countLines(text: string, from: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at >= 0 && at < from; at = text.indexOf('\n', at + 1)) line++
  return line
}

interface ShownLine {
  readonly content: string
  /** The offset of its end in the text. */
  readonly end: number
  /** Where an offset of the text is in the content. */
  columnOf(offset: number): number
}

/** The line that begins at `from`, with masks in the place of secrets. */
function showLine({ text, secrets }: SourceText, from: number): ShownLine {
  const newline = text.indexOf('\n', from)
  const end = newline < 0 ? text.length : newline
  const hidden = secrets
    .map((span) => ({ start: Math.max(span.start, from), end: Math.min(span.end, end) }))
    .filter((span) => span.end > span.start)
    .toSorted((a, b) => a.start - b.start)
  let content = ''
  let at = from
  /** Pairs of an offset in the text and the column where it is shown. */
  const marks: Array<readonly [number, number]> = [[from, 0]]
  for (const span of hidden) {
    if (span.start < at) continue
    content += text.slice(at, span.start)
    marks.push([span.start, content.length])
    content += mask
    at = span.end
    marks.push([at, content.length])
  }
  content += text.slice(at, end)
  const columnOf = (offset: number): number => {
    const [mark = from, column = 0] = marks.findLast(([known]) => known <= offset) ?? []
    const next = marks.find(([known]) => known > offset)
    return Math.min(column + offset - mark, next?.[1] ?? content.length)
  }
  // One column for one character: tabs and control characters would move the mark away from its word.
  return { content: content.replaceAll(/\p{Cc}|\p{Cf}/gu, ' ').slice(0, maxColumns), end, columnOf }
}
