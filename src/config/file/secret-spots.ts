/** Where secrets of options stand in a file as such, and not as `${NAME}`. Pure. */
import { sharedOptions } from '../schema.ts'
import { secretIn } from '../secret-options.ts'
import type { TextSpan } from './frame.ts'
import { pathKey, type Spot } from './read-yaml.ts'

/** A reference shows no secret, and helps to find a mistake. */
const reference = /^\$\{[^{}]+\}$/

export function secretSpots(spots: ReadonlyMap<string, Spot>): readonly TextSpan[] {
  return sharedOptions.flatMap(({ option, path, module }) => {
    if (!('secretIn' in option) || module === 'upstream') return []
    const parts = path.split('.')
    const items: TextSpan[] = []
    const take = (spot: Spot | undefined): void => {
      const secret = spot?.source === undefined ? undefined : secretIn(option, spot.source)
      if (spot && secret !== undefined && !reference.test(secret)) items.push(spot.value)
    }
    take(spots.get(pathKey(parts)))
    for (let at = 0; ; at++) {
      const spot = spots.get(pathKey([...parts, at]))
      if (!spot) return items
      take(spot)
    }
  })
}
