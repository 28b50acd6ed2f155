/**
 * A line at the foot of a terminal that is written anew in its place: what goes on while a person waits. What is printed
 * meanwhile stands above it. Texts end with a line break, as all that is printed here does.
 */
import type { Output } from './output.ts'

export interface StatusLine extends Output {
  /** Shows a text, cut to the width of the terminal; undefined takes the line away. */
  show(text: string | undefined): void
}

/** To the beginning of the line, which is erased. */
const erase = '\r\u001b[K'

/** The widest line, where the terminal does not say how wide it is. */
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
      // A line that fills the terminal would wrap, and only its end be erased.
      const line = text.slice(0, (output.columns || usualColumns) - 1)
      if (line === shown) return
      output.write(shown === '' ? line : `${erase}${line}`)
      shown = line
    },
    tellLost: (tell) => output.tellLost(tell),
    settled: (ms) => output.settled(ms),
  }
}
