/** Asks somebody at the terminal. */
import { createInterface } from 'node:readline'
import type { Output } from './output.ts'

/** @returns the line that is typed; undefined if stdin ends before */
export function askPerson(question: string, stderr: Output): Promise<string | undefined> {
  stderr.write(question)
  const lines = createInterface({ input: process.stdin, terminal: false })
  return new Promise((resolve) => {
    lines.once('line', (line) => {
      resolve(line.trim())
      lines.close()
    })
    lines.once('close', () => resolve(undefined))
  })
}
