/** The typed command line with one flag changed, to paste. Pure. */
import { showWords } from './shell-words.ts'

/** A flag that takes a value, as `--port` and its short form `-p`. */
export interface ValueFlag {
  readonly long: string
  readonly short?: string
}

/**
 * @param typed the words after `mcplex`, the verb first
 * @param command the number of words at the end that belong to the server
 * @returns the line with the flag set to `value`, and to nothing else; it begins with `mcplex`
 */
export function lineWith(typed: readonly string[], command: number, flag: ValueFlag, value: string): string {
  const end = typed.length - command
  const [verb = '', ...own] = typed.slice(0, end)
  const kept = own.filter((word, at) => !isOf(word, flag) && !takesNext(own[at - 1], flag))
  return `mcplex ${showWords([verb, `--${flag.long}`, value, ...kept, ...typed.slice(end)])}`
}

/** Whether a word is `--port`, `--port=1`, `-p` or `-p1`. */
function isOf(word: string, { long, short }: ValueFlag): boolean {
  return (
    word === `--${long}` ||
    word.startsWith(`--${long}=`) ||
    (short !== undefined && word.startsWith(`-${short}`) && !word.startsWith('--'))
  )
}

/** Whether the word is the value of the flag before it. */
function takesNext(before: string | undefined, { long, short }: ValueFlag): boolean {
  return before === `--${long}` || (short !== undefined && before === `-${short}`)
}
