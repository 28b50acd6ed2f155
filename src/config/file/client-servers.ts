/** The servers that a client starts, from its own file, to be written into a file of mcplex. Pure. */
import { dirname, resolve } from 'node:path'
import { withoutClients } from './client-file.ts'
import { programOf } from './command.ts'
import { type FileMembers, membersOf } from './file-value.ts'
import { readYaml } from './read-yaml.ts'
import { workspaceOf } from './workspace.ts'

/** A server as a client starts it. References such as `${NAME}` are not replaced. */
export interface ClientServer {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
}

export interface ClientServers {
  readonly servers: ReadonlyMap<string, ClientServer>
  /** The names that the servers have in the file, by the names here. */
  readonly entries: ReadonlyMap<string, string>
  /** What was left out or named anew. */
  readonly notices: readonly string[]
}

/**
 * The servers in the file of a client; undefined if it is no such file.
 * @param isOwnUrl whether a running mcplex serves at this URL
 */
export function clientServers(
  path: string,
  text: string,
  isOwnUrl?: (url: string) => boolean,
): ClientServers | undefined {
  const found = startedServers(path, text, isOwnUrl)
  return found?.isOfClient === true ? found : undefined
}

/** The servers that are started by the file of a client, or of mcplex; undefined if it cannot be read. */
export function startedServers(
  path: string,
  text: string,
  isOwnUrl?: (url: string) => boolean,
): (ClientServers & { readonly isOfClient: boolean }) | undefined {
  const yaml = readYaml(text, undefined)
  if (yaml.faults.length > 0) return undefined
  const { value, notices, entries, isOfClient } = withoutClients(yaml, isOwnUrl)
  const found = Object.entries(membersOf(membersOf(value)['upstreams'])).flatMap(([name, entry]) => {
    const server = serverOf(membersOf(entry), workspaceOf(dirname(path)))
    return server ? [[name, server] as const] : []
  })
  return { servers: new Map(found), entries, notices: notices.map(({ message }) => message), isOfClient }
}

function serverOf(entry: FileMembers, folder: string): ClientServer | undefined {
  const program = programOf(entry['command'], entry['args'])
  if (!program) return undefined
  const env = Object.entries(membersOf(entry['env'])).flatMap(([name, text]) =>
    typeof text === 'string' ? [[name, ownReferences(text, folder)] as const] : [],
  )
  const cwd = entry['cwd']
  return {
    command: ownReferences(program.command, folder),
    args: program.args.map((word) => ownReferences(word, folder)),
    env: Object.fromEntries(env),
    cwd: typeof cwd === 'string' ? resolve(folder, ownReferences(cwd, folder)) : undefined,
  }
}

/** References of editors as a file of mcplex has them; what an editor asks for becomes a variable. */
function ownReferences(text: string, folder: string): string {
  return text
    .replaceAll('${workspaceFolder}', folder)
    .replaceAll('${userHome}', '${HOME}')
    .replaceAll(/\$\{env:(\w+)\}/g, '${$1}')
    .replaceAll(/\$\{input:([^{}]+)\}/g, (_, name: string) => `\${${name.replaceAll(/\W+/g, '_').toUpperCase()}}`)
}
