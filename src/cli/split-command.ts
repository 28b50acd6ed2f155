/**
 * Splits a command line as a shell would: blanks, single and double quotes, backslash. Nothing is expanded, as no shell
 * will run it.
 */

/** The words of a command line; undefined if a quote is never closed. */
export function splitCommand(line: string): readonly string[] | undefined {
  const words: string[] = []
  let word: string | undefined
  let quote: string | undefined
  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at)
    if (quote === undefined && /\s/.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (quote === undefined && (char === '"' || char === "'")) {
      quote = char
      word ??= ''
    } else if (char === quote) quote = undefined
    else if (char === '\\' && quote !== "'" && escapes(line.charAt(at + 1), quote))
      word = (word ?? '') + line.charAt(++at)
    else word = (word ?? '') + char
  }
  if (quote !== undefined) return undefined
  if (word !== undefined) words.push(word)
  return words
}

/** A backslash escapes blanks, quotes and itself; before other characters it is literal, as in Windows paths. */
function escapes(next: string, quote: string | undefined): boolean {
  return next === '"' || next === '\\' || (quote === undefined && (next === "'" || next === ' '))
}
