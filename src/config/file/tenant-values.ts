/** Reads the parts of a tenant in a file that are no single values: variables and arguments, by upstream. Pure. */
import type { JsonValue } from '../../base/json.ts'
import { type FileValue, fileValueAt, isMembers, membersOf, namesIn, textsOfMembers } from './file-value.ts'
import type { Path } from './read-yaml.ts'

/** What a tenant has of its own at upstreams, by the key of its option; with its path in the file. */
export interface TenantPart {
  readonly key: 'env' | 'args'
  readonly path: Path
  readonly value: Readonly<Record<string, unknown>>
}

/**
 * @param base the path of the tenant
 * @param json reads arguments: what is written there as JSON
 */
export function tenantParts(
  value: FileValue,
  base: Path,
  json: (value: FileValue, path: Path) => JsonValue,
): readonly TenantPart[] {
  return (['env', 'args'] as const).flatMap((key) => {
    const path = [...base, key]
    const found = fileValueAt(value, path)
    if (!isMembers(found)) return []
    const members = membersOf(found)
    const byUpstream = namesIn(found).map((name) => [
      name,
      key === 'env' ? textsOfMembers(membersOf(members[name])) : json(members[name], [...path, name]),
    ])
    return [{ key, path, value: Object.fromEntries(byUpstream) }]
  })
}
