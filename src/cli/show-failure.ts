/** A failure as text for the terminal: what happened, where, why it matters, what to do. */
import type pc from 'picocolors'
import type { Failure } from './failures.ts'

type Colors = ReturnType<typeof pc.createColors>

/** The text, with a line break at its end. */
export function showFailure({ code, message, notes }: Failure, colors: Colors): string {
  const head = `${colors.red('error')} ${colors.bold(code)}   ${message}\n`
  return head + notes.map(([label, text]) => `      ${colors.dim(label.padEnd(9))} ${indent(text)}\n`).join('')
}

function indent(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .join(`\n${' '.repeat(16)}`)
}
