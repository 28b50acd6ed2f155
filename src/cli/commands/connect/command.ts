/** The command line of `connect`: the endpoint, and how long to wait for it. */
import { type Command, Option } from 'commander'
import { maskWord } from '../../../base/mask-command.ts'
import { readDuration } from '../../../config/quantity.ts'
import { showWords } from '../../shell-words.ts'
import { addOutputOptions, type OutputOptions, outputOptionsOf } from '../output-options.ts'
import { type Subcommand, wrongUsage } from '../command.ts'
import { usualKeyEnv } from './usual-key-env.ts'

/** A parsed `connect` command. */
export interface ConnectRequest extends OutputOptions {
  readonly verb: 'connect'
  readonly url: URL
  /** How long a message waits for a server that cannot be reached, in milliseconds. */
  readonly waitMs: number
  /** The variable that holds the key. */
  readonly keyEnv: string
  /** The file that holds the key, and then no variable does. */
  readonly keyFile: string | undefined
  readonly signIn: SignInOptions
  /** The limit for memory, as typed. */
  readonly memory: string | undefined
}

/** How a person signs in, if the endpoint asks for it and there is no key. */
export interface SignInOptions {
  readonly isBrowserOff: boolean
  readonly clientId: string | undefined
  readonly callbackPort: number | undefined
  /** In milliseconds. */
  readonly waitMs: number
}

const longestWaitMs = 24 * 3_600_000

const examples = `
Examples:
  mcplex connect http://127.0.0.1:8080/mcp
  mcplex connect https://mcp.example.com/mcp             opens the browser if the endpoint asks to sign in
  MCPLEX_API_KEY=... mcplex connect https://mcp.example.com/mcp

For the configuration of a client that only starts commands, this prints the entry, with the path of this copy:
  mcplex config claude-desktop --url http://127.0.0.1:8080/mcp

The key is read from MCPLEX_API_KEY (or what --key-env or --key-file names) and sent as a bearer token; without one, you sign in
with the browser if the endpoint has an authorization server. Tokens are kept in $XDG_STATE_HOME/mcplex/sign-ins, for you alone.
The log is set by LOG_LEVEL and MCPLEX_LOG__FORMAT.
Exit codes: 0 the client closed its end, 130 stopped by Ctrl-C, 1 failed, 2 wrong usage, 77 the key or the sign-in was refused, 78 there
is no MCP endpoint at the URL.`

export const connectVerb: Subcommand<ConnectRequest> = {
  name: 'connect',
  declare(command: Command, asked) {
    command
      .description('bridge one client that only speaks stdio to a running mcplex')
      .usage('[options] <url>')
      .argument('<url>', 'the MCP endpoint: http://127.0.0.1:8080/mcp')
      .addOption(
        new Option(
          '--wait <time>',
          'How long a message waits for a server that cannot be reached, before its sender gets an error.',
        )
          .default('30s')
          .helpGroup('Connection:'),
      )
      .addOption(
        new Option('--key-env <name>', 'The variable that holds the key; a key on the command line could be seen.')
          .default(usualKeyEnv)
          .helpGroup('Connection:'),
      )
      .addOption(new Option('--key-file <path>', 'The file that holds the key.').helpGroup('Connection:'))
    addSignInOptions(command)
    command
      .addOption(
        new Option(
          '--memory <bytes>',
          'How much is kept in memory: messages on their way, answers that the client has not read. Beyond it requests are refused. (default: a quarter of the memory or heap, whichever is less)',
        ).helpGroup('Limits:'),
      )
      .addHelpText('after', examples)
    addOutputOptions(command, undefined, true)
    command.action((text: string) => {
      const { wait, memory, keyEnv, keyFile, ...signIn } = command.opts<TypedOptions>()
      if (keyFile !== undefined && command.getOptionValueSource('keyEnv') !== 'default')
        throw wrongUsage('--key-env and --key-file both name the place of the key', ['try', 'one of them'])
      asked({
        verb: 'connect',
        ...outputOptionsOf(command),
        url: urlOf(text),
        waitMs: waitOf(wait, '--wait'),
        keyEnv: keyEnvOf(keyEnv),
        keyFile,
        signIn: {
          isBrowserOff: !signIn.browser,
          clientId: signIn.clientId,
          callbackPort: portOf(signIn.callbackPort),
          waitMs: waitOf(signIn.signInWait, '--sign-in-wait'),
        },
        memory,
      })
    })
  },
}

interface TypedOptions {
  readonly wait: string
  readonly memory: string | undefined
  readonly keyEnv: string
  readonly keyFile: string | undefined
  readonly browser: boolean
  readonly clientId: string | undefined
  readonly callbackPort: string | undefined
  readonly signInWait: string
}

function addSignInOptions(command: Command): void {
  const add = (flags: string, about: string, standard?: string): void => {
    const option = new Option(flags, about).helpGroup('Signing in with a browser:')
    command.addOption(standard === undefined ? option : option.default(standard))
  }
  add('--no-browser', 'Print the address to sign in at, and open no browser.')
  add('--client-id <id>', 'The client id that the authorization server knows; without it, mcplex registers there.')
  add(
    '--callback-port <port>',
    'The port of 127.0.0.1 that the browser comes back to: http://127.0.0.1:PORT/callback. Without it, any free one.',
  )
  add('--sign-in-wait <time>', 'How long you may take to sign in.', '5m')
}

function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === '')
    throw wrongUsage(`${JSON.stringify(maskWord(text))} is not the URL of an endpoint`, [
      'try',
      `mcplex connect ${showWords([isHost(text) ? `http://${text}` : 'http://127.0.0.1:8080/mcp'])}`,
    ])
  if (url.username !== '' || url.password !== '')
    throw wrongUsage('the URL holds a name or a password', ['try', 'the key in MCPLEX_API_KEY: arguments can be seen'])
  return url
}

/** Whether a text is a URL without its scheme, such as `localhost:8080/mcp`. */
function isHost(text: string): boolean {
  return /^[a-z0-9.-]+(:\d+)?\/\S*$/i.test(text) && URL.canParse(`http://${text}`)
}

function waitOf(text: string, flag: string): number {
  const ms = readDuration(text)
  if (ms === undefined || ms < 1 || ms > longestWaitMs)
    throw wrongUsage(`${flag} ${text} is not a duration up to a day`, ['try', `${flag} 30s`])
  return ms
}

function portOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port >= 1 && port <= 65_535) return port
  throw wrongUsage(`--callback-port ${text} is not a port from 1 to 65535`, ['try', '--callback-port 8765'])
}

/** The text may be the key itself, so it is not shown. */
function keyEnvOf(text: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(text) && !text.startsWith('mcpx_')) return text
  throw wrongUsage('--key-env does not have the name of a variable', [
    'try',
    'the key in a variable: --key-env TEAM_KEY',
  ])
}
