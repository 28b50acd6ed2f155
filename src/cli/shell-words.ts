/** Quotes words for a shell, for commands to paste. `split-command.ts` is the inverse. */
import { maskCommand } from '../base/mask-command.ts'

const plain = /^[A-Za-z0-9_@%+=:,./-]+$/

/** One line that a POSIX shell splits into the same words. */
export function quoteWords(words: readonly string[]): string {
  return words.map(quoteWord).join(' ')
}

/** The same for a message, with secrets masked. */
export function showWords(words: readonly string[]): string {
  return quoteWords(maskCommand(words))
}

function quoteWord(word: string): string {
  // Characters such as `<` are quoted, and so is a tilde, which a shell would expand.
  return plain.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
