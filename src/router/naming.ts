/** How clients see what the members of a router have: names, URIs and ids of tasks, there and back. Pure. */
import { type Names, plainNames, prefixedNames } from './names.ts'
import { memberTaskIds, plainTaskIds, type TaskIds } from './task-ids.ts'
import { memberUris, plainUris, type Uris } from './uris.ts'

export interface Naming {
  readonly names: Names
  readonly uris: Uris
  readonly tasks: TaskIds
  /** Whether nothing is renamed. */
  readonly isPlain: boolean
}

export interface NamingSettings {
  /** Whether names have the member as prefix: false if there is only one upstream. */
  readonly hasPrefix: boolean
  /** Names for clients that replace names with prefix: `{ search: 'brave__web_search' }`. */
  readonly aliases?: Readonly<Record<string, string>>
}

export function createNaming(members: readonly string[], { hasPrefix, aliases }: NamingSettings): Naming {
  const [first = ''] = members
  return hasPrefix
    ? {
        names: prefixedNames(members, aliases),
        uris: memberUris(members),
        tasks: memberTaskIds(members),
        isPlain: false,
      }
    : { names: plainNames(first, aliases), uris: plainUris(first), tasks: plainTaskIds(first), isPlain: true }
}
