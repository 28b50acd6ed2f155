/** The problem of a name that is no option. */
import { didYouMean } from '../base/did-you-mean.ts'
import type { Problem } from './problem.ts'

export function unknownKey(
  where: string,
  known: readonly string[],
  meant: string | undefined = didYouMean(where, known),
): Problem {
  return {
    code: 'config_unknown_key',
    where,
    message: `${where} is not known here${meant === undefined ? '' : `; did you mean ${meant}?`}`,
    notes: meant === undefined && known.length < 12 ? [['known', known.join(', ')]] : [],
  }
}
