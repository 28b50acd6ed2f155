/** Which entries of a client's file are servers that mcplex serves. Pure. */
import { isDeepStrictEqual } from 'node:util'
import type { ClientServer, ClientServers } from '../../../config/file/client-servers.ts'

/** The entries of a client that start a server, under the names that they have there. */
export interface Entries {
  readonly served: readonly string[]
  readonly others: readonly string[]
}

/**
 * Finds the entry of each server: it starts the same command with the same arguments in the same folder, and hands over
 * the same variables. Their values may differ, since secrets are kept in another way in a file of mcplex.
 */
export function servedEntries(client: ClientServers, served: Iterable<ClientServer>): Entries {
  const left = new Map(client.servers)
  const take = (wanted: ClientServer, isSame: (one: ClientServer) => boolean): boolean => {
    const found = [...left].find(([, one]) => isSameStart(one, wanted) && isSame(one))
    return found !== undefined && left.delete(found[0])
  }
  // Of two entries that start the same with other values, each server takes its own first.
  const unsure = [...served].filter((wanted) => !take(wanted, ({ env }) => isDeepStrictEqual(env, wanted.env)))
  for (const wanted of unsure) take(wanted, ({ env }) => isDeepStrictEqual(namesOf(env), namesOf(wanted.env)))
  const entries = [...client.servers.keys()].map((name) => [client.entries.get(name) ?? name, left.has(name)] as const)
  return {
    served: entries.flatMap(([entry, isLeft]) => (isLeft ? [] : [entry])),
    others: entries.flatMap(([entry, isLeft]) => (isLeft ? [entry] : [])),
  }
}

function isSameStart(one: ClientServer, other: ClientServer): boolean {
  return one.command === other.command && isDeepStrictEqual(one.args, other.args) && one.cwd === other.cwd
}

function namesOf(env: ClientServer['env']): string[] {
  return Object.keys(env).toSorted()
}
