/** Failures and warnings as text for the terminal. */
import type pc from 'picocolors'
import type { Failure } from './failures.ts'

type Colors = ReturnType<typeof pc.createColors>

/**
 * A failure as text for the terminal: what happened, where, why it matters, what to do. Ends with a line break.
 * @param severity the word that it begins with
 */
export function showFailure(
  { code, message, notes, place }: Failure,
  colors: Colors,
  severity: 'error' | 'warning' = 'error',
): string {
  const word = severity === 'error' ? colors.red(severity) : colors.yellow(severity)
  const where = place ? `${colors.bold(`${place.file}:${place.line}:${place.column}`)}  ` : ''
  const frame = (place?.frame ?? []).map(
    (line) => `${line.replace(/\^+.*$/, (mark) => (isMark(line) ? colors.red(mark) : mark))}\n`,
  )
  return `${where}${word} ${colors.bold(code)}   ${message}\n${frame.join('')}${showNotes(notes, colors)}`
}

/** Whether a line of a frame is the mark below the others. */
function isMark(line: string): boolean {
  return /^\s*\|\s*\^/.test(line)
}

function showNotes(notes: Failure['notes'], colors: Colors): string {
  return notes.map(([label, text]) => `      ${colors.dim(label.padEnd(9))} ${indent(text)}\n`).join('')
}

function indent(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .join(`\n${' '.repeat(16)}`)
}
