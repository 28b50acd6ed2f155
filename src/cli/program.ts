/**
 * The command line as commander knows it: the verbs, help and usage errors. The words of each verb are a file in
 * `verbs/`; nothing here acts.
 */
import { Command, CommanderError } from 'commander'
import type { CommandFailed } from './failures.ts'
import { type ConfigRequest, configVerb } from './verbs/config.ts'
import { type ConnectRequest, connectVerb } from './verbs/connect.ts'
import { type ServeRequest, serveVerb } from './verbs/serve.ts'
import { type Verb, wrongUsage } from './verbs/verb.ts'

/** What was asked for, by verb. */
export type Request = ServeRequest | ConnectRequest | ConfigRequest

export interface ProgramNeeds {
  readonly version: string
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

/**
 * Reads the command line.
 * @returns what shall be done; undefined if help or the version was all that was wanted, and was printed
 * @throws CommandFailed with MCPX_USAGE
 */
export function readCommandLine(argv: readonly string[], needs: ProgramNeeds): Request | undefined {
  let request: Request | undefined
  const asked = (found: Request): void => void (request = found)
  const program = settle(new Command('mcplex'), needs)
    .description('Serve any MCP server to many clients at once, each isolated, in both protocol eras.')
    .enablePositionalOptions()
    .helpCommand('help [verb]', 'print the help of a verb')
  const add = <Found extends Request>(verb: Verb<Found>): void =>
    verb.declare(settle(program.command(verb.name), needs), asked)
  add(serveVerb)
  add(connectVerb)
  add(configVerb)
  try {
    program.parse(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return undefined
    const verbs = program.commands.map((command) => command.name())
    throw usage(
      error,
      argv,
      verbs.find((verb) => verb === argv[0]),
    )
  }
  return request
}

function settle(command: Command, { version, out, err }: ProgramNeeds): Command {
  return command
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureOutput({ writeOut: out, writeErr: err, outputError: () => {} })
}

function usage(error: CommanderError, argv: readonly string[], verb: string | undefined): CommandFailed {
  if (error.code === 'commander.help')
    return argv[0] === 'help'
      ? wrongUsage(`there is no verb '${argv[1] ?? ''}'`, ['try', 'mcplex help'])
      : wrongUsage('a verb is missing', ['try', 'mcplex serve -- <command>'])
  const [first = '', ...hints] = error.message.replace(/^error: /, '').split('\n')
  const hint = hints.join(' ').replace(/^\((.*)\)$/, '$1')
  const dashes = argv.indexOf('--')
  const isVerbForgotten = error.code === 'commander.unknownCommand' && hint === '' && dashes >= 0
  const help = verb === undefined ? 'mcplex help' : `mcplex ${verb} --help`
  return wrongUsage(hint === '' ? first : `${first}: ${hint.charAt(0).toLowerCase()}${hint.slice(1)}`, [
    'try',
    isVerbForgotten ? `mcplex serve -- ${argv.slice(dashes + 1).join(' ')}` : help,
  ])
}
