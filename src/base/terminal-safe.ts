/** Makes text from outside (a server, a client) safe to show in a terminal. */
import { stripVTControlCharacters } from 'node:util'

/** Control characters except tab and newline, and characters that reorder or hide the text around them. */
const steering = /[^\P{Cc}\t\n]|[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu

/** The text without characters that control a terminal or make it show something other than the text. */
export function terminalSafe(text: string): string {
  return stripVTControlCharacters(text).replace(steering, '')
}

/** The same on one line, cut to at most `maxLength` characters. */
export function terminalSafeLine(text: string, maxLength: number): string {
  const line = terminalSafe(text).replaceAll(/\s+/g, ' ').trim()
  return line.length > maxLength ? `${line.slice(0, maxLength - 1)}…` : line
}
