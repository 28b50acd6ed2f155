/** The words of strangers (a server, a client), fit to be shown in a terminal. */
import { stripVTControlCharacters } from 'node:util'

/** Control characters but for tab and newline, and what reorders or hides the text around it. */
const steering = /[^\P{Cc}\t\n]|[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu

/** The text without what could steer a terminal, or make it show something else than it says. */
export function terminalSafe(text: string): string {
  return stripVTControlCharacters(text).replace(steering, '')
}

/** The same on one line, cut to a length that leaves room for words of our own. */
export function terminalSafeLine(text: string, maxLength: number): string {
  const line = terminalSafe(text).replaceAll(/\s+/g, ' ').trim()
  return line.length > maxLength ? `${line.slice(0, maxLength - 1)}…` : line
}
