/** Words as a shell would have them, for a person to paste. The other way is `split-command.ts`. */
import { maskCommand } from '../base/mask-command.ts'

const plain = /^[A-Za-z0-9_@%+=:,./-]+$/

/** The words as one line that a POSIX shell takes apart into the same words. */
export function quoteWords(words: readonly string[]): string {
  return words.map(quoteWord).join(' ')
}

/** The same for a message: secrets in it are masked. */
export function showWords(words: readonly string[]): string {
  return quoteWords(maskCommand(words))
}

function quoteWord(word: string): string {
  // `<` and its like are quoted; a tilde would be somebody's home.
  return plain.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
