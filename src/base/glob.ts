/** Patterns in which `*` stands for any characters. Pure. */

/** Whether a pattern with `*` matches a whole name, in time that grows with the product of their lengths. */
export function matchesGlob(pattern: string, name: string): boolean {
  let at = 0
  let from = 0
  let star = -1
  let resume = 0
  while (from < name.length) {
    if (at < pattern.length && pattern[at] === '*') {
      star = at++
      resume = from
    } else if (at < pattern.length && pattern[at] === name[from]) {
      at++
      from++
    } else if (star >= 0) {
      at = star + 1
      from = ++resume
    } else return false
  }
  while (pattern[at] === '*') at++
  return at === pattern.length
}
