/** The text of a new `mcplex.yaml`. Pure. */
import type { ClientServer } from '../../../config/file/client-servers.ts'

/** A server to be written, with the client that it is from. */
export interface NamedServer {
  readonly name: string
  readonly server: ClientServer
  readonly from: string
}

const head = `# What mcplex serves. Check it with: mcplex check. All options: docs/configuration.md
# yaml-language-server: $schema=./node_modules/mcplex/schema.json
version: 1

listen:
  host: 127.0.0.1          # only this machine can reach it
  port: 8080

limits:
  maxConnections: 1000     # clients at once; further ones wait in line
  idleTimeout: 30m         # a session ends after this time without a message
  # poolSize: 16           # processes of each server at most

# The servers, by name. Each session has a process of its own (mode: session) unless you choose another mode:
# principal, tenant, shared or call. For secrets, write "\${NAME}" or "\${file:/path}" instead of the value.
upstreams:
`

const example = `  everything:
    command: [npx, -y, "@modelcontextprotocol/server-everything"]
    # env: { API_KEY: "\${API_KEY}" }
    # mode: shared
    # pool: { max: 4 }
`

/**
 * @param servers the servers to serve; an example takes their place if there are none
 * @param tools the path of a module to serve as well, relative to the file
 */
export function newFile(servers: readonly NamedServer[], tools?: string): string {
  const module =
    tools === undefined
      ? ''
      : `  mine:\n    module: ${JSON.stringify(tools)}   # a server in this process: docs/tools.md\n`
  return head + module + (servers.length === 0 && module === '' ? example : servers.map(entry).join(''))
}

function entry({ name, server: { command, args, env, cwd }, from }: NamedServer): string {
  const variables = Object.entries(env).map(([key, value]) => `      ${key}: ${word(value)}\n`)
  return [
    `  ${word(name)}:   # from ${from}\n`,
    `    command: [${[command, ...args].map(word).join(', ')}]\n`,
    ...(cwd === undefined ? [] : [`    cwd: ${word(cwd)}\n`]),
    ...(variables.length === 0 ? [] : ['    env:\n', ...variables]),
  ].join('')
}

/** A text that YAML reads as itself; a text of JSON is one of YAML. */
function word(text: string): string {
  return /^(?!(?:true|false|null|yes|no|on|off)$)[A-Za-z_/.-][\w/.@+-]*$/i.test(text) && !/^[-.]/.test(text)
    ? text
    : JSON.stringify(text)
}
