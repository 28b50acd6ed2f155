/** The command of an upstream as a file says it: a program with `args`, or one list of both. Pure. */
import { maskCommand } from '../../base/mask-command.ts'
import type { FileValue } from './file-value.ts'

export interface Program {
  readonly command: string
  readonly args: readonly string[]
}

/** The program and its arguments; undefined if `command` is none. */
export function programOf(command: FileValue, args: FileValue): Program | undefined {
  const more = textsIn(args)
  if (typeof command === 'string') return { command, args: more }
  const [first, ...rest] = textsIn(command)
  return first === undefined ? undefined : { command: first, args: [...rest, ...more] }
}

/**
 * A whole command line written as one text, as a list of its words; undefined if it may be the path of a program. No
 * shell runs it, so nothing would split it. Its secrets are masked.
 */
export function splitLine(command: FileValue, args: FileValue): string | undefined {
  if (typeof command !== 'string' || args !== undefined) return undefined
  const words = command.trim().split(/\s+/)
  if (words.length < 2 || /[\\/"']/.test(words[0] ?? '')) return undefined
  return `[${maskCommand(words)
    .map((word) => (/^[\w./:=*-]+$/.test(word) ? word : JSON.stringify(word)))
    .join(', ')}]`
}

function textsIn(value: FileValue): readonly string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : []
}
