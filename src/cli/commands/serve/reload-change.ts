/** What a reload has changed, for programs and in lines for people. Pure. */
import { isDeepStrictEqual } from 'node:util'
import type { Loaded } from '../../../config/load.ts'
import { renamedInWords, renamedTools } from '../../../config/renamed-tools.ts'
import type { ReloadReport } from '../../../gateway/gateway.ts'
import type { ReloadChange } from '../../../admin/reload-result.ts'

/** @param needsRestart the paths of options that take effect in the next start only */
export function changeOf(
  report: ReloadReport,
  needsRestart: readonly string[],
  before: Loaded,
  next: Loaded,
): ReloadChange {
  const { added, changed, removed, kept, endpoints, tenants } = report
  // The sizes by default depend on the number of servers, and are no change in the file.
  const isSaid = (name: string, key: string): boolean =>
    [`upstreams.${name}.${key}`, `upstream.${key}`].some(
      (path) => (before.quote(path) ?? next.quote(path)) !== undefined,
    )
  // What stands in front of a server that goes on, and how many processes it may have.
  const isAdjusted = (name: string): boolean => {
    const earlier = new Map<string, unknown>(Object.entries(before.settings.upstreams[name] ?? {}))
    const later = Object.entries(next.settings.upstreams[name] ?? {})
    return later.some(([key, value]) => !isDeepStrictEqual(earlier.get(key), value) && isSaid(name, key))
  }
  return {
    added,
    changed: [...changed, ...kept.filter(isAdjusted)],
    removed,
    endpoints,
    tenants,
    aliases: !isDeepStrictEqual(before.settings.aliases, next.settings.aliases),
    auth: !isDeepStrictEqual(before.settings.auth, next.settings.auth),
    needsRestart,
    renamed: renamedTools(Object.keys(before.settings.upstreams), Object.keys(next.settings.upstreams)),
  }
}

/** Whether nothing has changed but what needs a restart. */
export function isNothing({ added, changed, removed, endpoints, tenants, aliases, auth }: ReloadChange): boolean {
  const all = [added, changed, removed, ...[endpoints, tenants].flatMap((of) => [of.added, of.changed, of.removed])]
  return !aliases && !auth && all.every((names) => names.length === 0)
}

export function linesOf(change: ReloadChange): string[] {
  const { added, changed, removed, aliases, auth, needsRestart, renamed } = change
  const named = (what: 'added' | 'changed' | 'removed'): readonly string[] =>
    (['endpoint', 'tenant'] as const).flatMap((kind) => change[`${kind}s`][what].map((name) => `${kind} ${name}`))
  const parts: ReadonlyArray<readonly [string, readonly string[]]> = [
    ['added', [...added, ...named('added')]],
    [
      'changed',
      [...changed, ...named('changed'), ...(aliases ? ['the aliases'] : []), ...(auth ? ['who may call (auth)'] : [])],
    ],
    ['removed', [...removed, ...named('removed')]],
    ['needs a restart', needsRestart],
  ]
  const lines = parts.filter(([, names]) => names.length > 0).map(([what, names]) => `${what}: ${names.join(', ')}`)
  return [...lines, ...renamed.map(renamedInWords)]
}
