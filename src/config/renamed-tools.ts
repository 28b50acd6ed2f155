/** Whose tools have other names than before, because the number of upstreams is one now, or was. Pure. */
import { prefixOf } from '../router/options.ts'

export interface RenamedTools {
  readonly upstream: string
  /** What stands before their names now; empty: they have their own names. */
  readonly prefix: string
}

/** @param before the names of the upstreams before @param next those from now on */
export function renamedTools(before: readonly string[], next: readonly string[]): RenamedTools[] {
  const isPrefixed = next.length > 1
  if (before.length === 0 || next.length === 0 || before.length > 1 === isPrefixed) return []
  return next
    .filter((upstream) => before.includes(upstream))
    .map((upstream) => ({ upstream, prefix: isPrefixed ? prefixOf(upstream) : '' }))
}

/** The same in words. */
export function renamedInWords({ upstream, prefix }: RenamedTools): string {
  return prefix === ''
    ? `tools of ${upstream} now have their own names, without ${prefixOf(upstream)}: it is the only server`
    : `tools of ${upstream} are now named ${prefix}..., since there are several servers`
}
