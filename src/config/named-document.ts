/**
 * The part of `docs/configuration.md` about options that stand below a name in a file: of an upstream that is a module, of
 * an endpoint, and other names of tools. Flags cannot give them, since a flag is for all upstreams.
 */
import type { Option } from '../base/option.ts'
import { endpointOptions, aliasOptions } from '../gateway/options.ts'
import { tenantOptions } from '../tenants/options.ts'
import { moduleOptions } from '../upstreams/module/options.ts'
import { ownEnvName, type Placed } from './schema.ts'
import type { Rows } from './slice.ts'

/** A heading, the path of its options in a file, and their rows. */
interface NamedPart {
  readonly title: string
  readonly parent: string
  readonly options: Rows
}

const parts: readonly NamedPart[] = [
  { title: 'Modules: servers in TypeScript', parent: 'upstreams.NAME', options: moduleOptions },
  { title: 'Named endpoints', parent: 'endpoints.NAME', options: endpointOptions },
  { title: 'Tenants', parent: 'tenants.NAME', options: tenantOptions },
  { title: 'Aliases of tools and prompts', parent: '', options: aliasOptions },
]

/** The options that stand below a name, by heading. A program gives them under the same path. */
export const namedRows: ReadonlyArray<readonly [title: string, rows: readonly Placed[]]> = parts.map(
  ({ title, parent, options }) => [
    title,
    Object.entries<Option>(options).map(([key, option]): Placed => {
      const path = parent === '' ? key : `${parent}.${key}`
      return { module: parent, key, option, path, ownEnv: option.kind === 'given' ? undefined : ownEnvName(path) }
    }),
  ],
)
