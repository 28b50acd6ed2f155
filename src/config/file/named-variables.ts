/** The environment variables of the upstreams, endpoints and tenants of a file: `MCPLEX_UPSTREAMS__GITHUB__POOL__MAX`. */
import type { Environment } from '../environment.ts'
import { readProvided } from '../load.ts'
import type { Problem } from '../problem.ts'
import type { Provided } from '../provided.ts'
import { ownEnvName, type Placed } from '../schema.ts'
import type { ReadFile } from './file-source.ts'
import { endpointMembers, type PlacedMember, membersOfKind, tenantMembers } from './structure.ts'

/** The options of one upstream or endpoint, with the variables that set them. */
interface Named {
  readonly path: string
  readonly rows: readonly Placed[]
}

export interface NamedVariables {
  /** All names that are known. */
  readonly names: readonly string[]
  /** What they provide, by the path of the upstream or endpoint (`upstreams.github`), then by key. */
  readonly provided: ReadonlyMap<string, Provided>
}

/** A value that is not accepted, and a name that could mean two of them, are added to `problems`, a unit that is surely missing to `warnings`. */
export function readNamedVariables(
  { upstreams, endpoints, tenants }: Pick<ReadFile, 'upstreams' | 'endpoints' | 'tenants'>,
  machine: Environment,
  problems: Problem[],
  warnings: Problem[],
): NamedVariables {
  const named = [
    ...[...upstreams].map(([name, { kind }]) => placedIn(`upstreams.${name}`, membersOfKind(kind))),
    ...[...endpoints.keys()].map((name) => placedIn(`endpoints.${name}`, endpointMembers)),
    ...[...tenants.keys()].map((name) => placedIn(`tenants.${name}`, tenantMembers)),
  ]
  const owners = new Map<string, string>()
  for (const { path, rows } of named) {
    for (const { ownEnv } of rows) {
      if (ownEnv === undefined) continue
      const other = owners.get(ownEnv)
      if (other === undefined) owners.set(ownEnv, path)
      else if ((machine.env[ownEnv] ?? '') !== '') problems.push(ambiguous(ownEnv, other, path))
    }
  }
  const provided = named.map(({ path, rows }) => {
    const values = readProvided(rows, { flags: new Map() }, machine, problems, warnings)
    return [path, new Map([...values].map(([key, value]) => [key.slice(key.lastIndexOf('.') + 1), value]))] as const
  })
  return { names: [...owners.keys()], provided: new Map(provided) }
}

/** Without their flags and well-known variables: those are for all upstreams at once. */
function placedIn(path: string, members: readonly PlacedMember[]): Named {
  const rows = members
    .filter(({ option }) => option.kind !== 'given')
    .map(({ key, option: { flag: _flag, env: _env, ...option }, path: own }): Placed => {
      return { module: path, key, option, path: `${path}.${own}`, ownEnv: ownEnvName(`${path}.${own}`) }
    })
  return { path, rows }
}

function ambiguous(name: string, one: string, other: string): Problem {
  return {
    code: 'config_name',
    where: name,
    message: `${name} could mean ${one} and ${other}`,
    notes: [['try', 'names that differ in more than - and _']],
  }
}
