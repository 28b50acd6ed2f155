/**
 * A status line at the bottom of a terminal, redrawn in place. Other output appears above it. Texts must end with a line
 * break, as all output of the command does.
 */
import type { Output } from './output.ts'

export interface StatusLine extends Output {
  /** Shows a text, cut to the width of the terminal; undefined removes the line. */
  show(text: string | undefined): void
}

/** Returns to the beginning of the line and erases it. */
const erase = '\r\u001b[K'

/** The width to assume if the terminal does not report one. */
export const usualColumns = 80

export function createStatusLine(output: Output): StatusLine {
  let shown = ''
  return {
    get isTTY() {
      return output.isTTY
    },
    get columns() {
      return output.columns
    },
    get lost() {
      return output.lost
    },
    write: (text) => output.write(shown === '' ? text : `${erase}${text}${shown}`),
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
