/** What a list of patterns says of a name, and which of them says it. Pure. */
import { matchesGlob } from '../base/glob.ts'

export interface PatternDecision {
  readonly isAllowed: boolean
  /** The pattern that decides, as it is written; undefined if none does: an empty list, or no pattern that matches. */
  readonly pattern: string | undefined
}

/** The patterns that show, and those that take away, without their mark. */
export interface PatternParts {
  readonly included: readonly string[]
  readonly excluded: readonly string[]
}

/** An empty list says nothing of anything. */
export const saysNothing: PatternDecision = { isAllowed: true, pattern: undefined }
/** None of the patterns is for it. */
export const matchesNone: PatternDecision = { isAllowed: false, pattern: undefined }

export function partsOf(patterns: readonly string[]): PatternParts {
  return {
    included: patterns.filter((pattern) => !pattern.startsWith('!')),
    excluded: patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1)),
  }
}

/**
 * One of the patterns must match one of the names, and none with `!` may; if all have it, everything else is allowed.
 * @param taken further names, which only patterns with `!` are for
 */
export function decide(
  { included, excluded }: PatternParts,
  names: readonly string[],
  taken: readonly string[] = [],
): PatternDecision {
  const firstFor = (patterns: readonly string[], all: readonly string[]): string | undefined =>
    patterns.find((pattern) => all.some((name) => matchesGlob(pattern, name)))
  const against = firstFor(excluded, names) ?? firstFor(excluded, taken)
  if (against !== undefined) return { isAllowed: false, pattern: `!${against}` }
  if (included.length === 0) return saysNothing
  const pattern = firstFor(included, names)
  return pattern === undefined ? matchesNone : { isAllowed: true, pattern }
}
