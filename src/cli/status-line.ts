/**
 * A status line at the bottom of a terminal, redrawn in place. Other output appears above it. Texts must end with a line
 * break, as all output of the command does.
 */
import { stripVTControlCharacters } from 'node:util'
import type { Output } from './output.ts'

export interface StatusLine extends Output {
  /** Shows a text, cut to the width of the terminal; undefined removes the line. */
  show(text: string | undefined): void
  /** How many rows of the terminal the text so far has taken. */
  readonly written: number
  /**
   * Writes a row again that is still on the screen: the one that began when `written` was `row`. Nothing is written if the
   * row has left the screen, or if it is not known where it is.
   */
  rewrite(row: number, text: string): void
}

/** Returns to the beginning of the line and erases it. */
const erase = '\r\u001b[K'

/** The width to assume if the terminal does not report one. */
export const usualColumns = 80

export function createStatusLine(output: Output): StatusLine {
  let shown = ''
  let written = 0
  return {
    get isTTY() {
      return output.isTTY
    },
    get columns() {
      return output.columns
    },
    get rows() {
      return output.rows ?? 0
    },
    get lost() {
      return output.lost
    },
    get written() {
      return written
    },
    write(text) {
      written += rowsOf(text, output.columns)
      output.write(shown === '' ? text : `${erase}${text}${shown}`)
    },
    rewrite(row, text) {
      const up = written - row
      const isOnScreen = up > 0 && up < (output.rows ?? 0) && stripVTControlCharacters(text).length < output.columns
      if (isOnScreen) output.write(`${save}\u001b[${up}A\r\u001b[2K${text}${restore}`)
    },
    show(text = '') {
      // A line as wide as the terminal would wrap, and only its end would be erased.
      const line = text.slice(0, (output.columns || usualColumns) - 1)
      if (line === shown) return
      output.write(shown === '' ? line : `${erase}${line}`)
      shown = line
    },
    tellLost: (tell) => output.tellLost(tell),
    settled: (ms) => output.settled(ms),
  }
}

/** Saves the place of the cursor, and goes back to it. */
const save = '\u001b7'
const restore = '\u001b8'

/** How many rows a text takes that ends with a line break: longer lines wrap. */
export function rowsOf(text: string, columns: number): number {
  const lines = stripVTControlCharacters(text).split('\n').slice(0, -1)
  return lines.reduce((rows, line) => rows + Math.max(1, columns > 0 ? Math.ceil(line.length / columns) : 1), 0)
}
