/** Shows what stands in a file: on one line, cut, and in quotes where it would not be one word. Pure. */
import { terminalSafeLine } from '../../base/terminal-safe.ts'

export const maxQuote = 80
/** Of a whole message about it. */
export const maxMessage = 400

export function showWord(text: string): string {
  const line = terminalSafeLine(text, maxQuote)
  return /^[^\s"]+$/.test(line) ? line : JSON.stringify(line)
}
