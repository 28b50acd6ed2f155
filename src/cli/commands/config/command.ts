/** The command line of `config`: a client, what to connect it to, and whether to write. */
import { Argument, type Command, Option } from 'commander'
import { ownEntry } from '../../../config/file/client-names.ts'
import { clientNames, clients, isClientName, type ClientName, type Scope } from '../../clients.ts'
import { addOutputOptions, type OutputOptions, outputOptionsOf } from '../output-options.ts'
import { type Subcommand, wrongUsage } from '../command.ts'

/** A parsed `config` command. */
export interface ConfigRequest extends OutputOptions {
  readonly verb: 'config'
  readonly client: ClientName
  readonly url: string
  readonly name: string
  /** The variable that holds the key; never the key. */
  readonly keyVariable: string | undefined
  /** Undefined for the default of the client. */
  readonly scope: Scope | undefined
  readonly file: string | undefined
  readonly isWrite: boolean
  readonly isForce: boolean
  /** The file that says what mcplex serves; undefined for that of the running instance. */
  readonly servedBy: string | undefined
  /** Whether the servers that mcplex serves stay in the file. */
  readonly keepsServers: boolean
}

const examples = `
Examples:
  mcplex config cursor                                   print the snippet
  mcplex config claude-desktop --write                   in the place of the servers that mcplex up serves now
  mcplex config vscode --write --config mcplex.yaml      the same, of the servers in that file
  mcplex config claude-code --scope user --write --name files --url http://127.0.0.1:9000/mcp
  mcplex config windsurf --key-env MCPLEX_API_KEY        with a key, by reference

stdout has the snippet alone; where it belongs is said on stderr. Exit codes: 0 printed, written or as it should be
already, 1 the file cannot be changed, 2 wrong usage, 78 the file is not valid JSON.`

export const configVerb: Subcommand<ConfigRequest> = {
  name: 'config',
  declare(command: Command, asked) {
    command
      .description('print, or write, what makes a client use a running mcplex')
      .usage('[options] <client>')
      .addArgument(new Argument('<client>', 'the client').choices(clientNames))
      .addHelpText('after', examples)
    const entry = [
      new Option('--url <url>', 'The endpoint.').default('http://127.0.0.1:8080/mcp'),
      new Option('--name <name>', 'What the client shall call it.').default(ownEntry),
      new Option(
        '--key-env <variable>',
        'A variable of the environment that holds the API key. Only its name is written.',
      ),
    ]
    const where = [
      new Option(
        '--write',
        'Edit the file of the client: the entry takes the place of the servers that mcplex serves at the URL, all else stays. What was there is kept beside it, as <file>.bak-<n>.',
      ),
      new Option(
        '-c, --config <file>',
        'The file that says what mcplex serves. (default: that of the running mcplex up at the URL)',
      ),
      new Option('--keep-servers', 'Leave the servers that mcplex serves in the file of the client.'),
      new Option('--force', 'Replace another entry of the same name.'),
      new Option('--scope <scope>', 'For this project, or for this user everywhere.').choices(['project', 'user']),
      new Option('--file <path>', 'Another file than the usual one.').conflicts('scope'),
    ]
    for (const option of entry) command.addOption(option.helpGroup('The entry:'))
    for (const option of where) command.addOption(option.helpGroup('The file:'))
    addOutputOptions(command, 'One JSON object on stdout: the snippet, the file, and what was done.')
    command.action((client: string) => asked(requestOf(command, client)))
  },
}

function requestOf(command: Command, client: string): ConfigRequest {
  const { url, name, keyEnv, scope, file, write, force, config, keepServers } =
    command.opts<Record<string, string | boolean | undefined>>()
  if (!isClientName(client)) throw wrongUsage(`${client} is no client`, ['try', clientNames.join(', ')])
  return {
    verb: 'config',
    ...outputOptionsOf(command),
    client,
    url: urlOf(String(url)),
    name: nameOf(String(name)),
    keyVariable: typeof keyEnv === 'string' ? variableOf(keyEnv) : undefined,
    scope: scopeOf(client, scope),
    file: typeof file === 'string' ? file : undefined,
    isWrite: write === true,
    isForce: force === true,
    servedBy: typeof config === 'string' ? config : undefined,
    keepsServers: keepServers === true,
  }
}

function urlOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol))
    throw wrongUsage(`${JSON.stringify(text)} is not the URL of an endpoint`, ['try', 'http://127.0.0.1:8080/mcp'])
  if (url.username !== '' || url.password !== '')
    throw wrongUsage('the URL holds a name or a password', ['try', '--key-env with the variable that holds the key'])
  return text
}

function nameOf(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(text)) return text
  throw wrongUsage(`--name ${JSON.stringify(text)} is not a name that every client takes`, [
    'accepted',
    'letters, digits, - and _, 64 at most, a letter or digit first',
  ])
}

function variableOf(text: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(text)) return text
  // The text is not shown: it may be the key itself.
  throw wrongUsage('--key-env wants the name of a variable', ['try', '--key-env MCPLEX_API_KEY'])
}

function scopeOf(client: ClientName, scope: string | boolean | undefined): Scope | undefined {
  const { title, files } = clients[client]
  const found = files.find(([known]) => known === scope)
  if (scope === undefined || found) return found?.[0]
  throw wrongUsage(`${title} has no file for a ${String(scope)}`, [
    'try',
    `--scope ${files.map(([known]) => known).join()}`,
  ])
}
