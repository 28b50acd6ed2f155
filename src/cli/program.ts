/**
 * The command line as commander knows it: flags, help and usage errors, made from the table of options. It understands
 * words and leaves their values to `config/`.
 */
import { Command, CommanderError, Option } from 'commander'
import type { Option as Row } from '../base/option.ts'
import { accepted } from '../config/accept.ts'
import { shortDefault } from '../config/document.ts'
import { schema, titles } from '../config/schema.ts'
import { CommandFailed } from './failures.ts'
import { splitCommand } from './split-command.ts'

/** What `serve` was asked for. */
export interface ServeRequest {
  /** The values of each flag of an option, by its name without dashes. */
  readonly flags: ReadonlyMap<string, readonly string[]>
  readonly command: readonly string[]
  readonly isJson: boolean
  readonly isQuiet: boolean
  readonly isVerbose: boolean
  readonly isColorOff: boolean
}

export interface ProgramNeeds {
  readonly version: string
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

const examples = `
Examples:
  mcplex serve -- npx -y @modelcontextprotocol/server-everything
  mcplex serve --port 9000 --max-connections 200 --pool 16 -- uvx mcp-server-git
  GITHUB_TOKEN=... mcplex serve --env GITHUB_TOKEN -- npx -y @modelcontextprotocol/server-github
  mcplex serve --json -- node server.js

Each option can also be set through the environment; docs/configuration.md lists the names and the reasons of the
defaults. Exit codes: 0 stopped, 130 stopped by Ctrl-C, 1 failed, 2 wrong usage, 69 the server could not be started,
78 bad configuration.`

/**
 * Reads the command line.
 * @returns what `serve` shall do; undefined if help or the version was all that was wanted, and was printed
 * @throws CommandFailed with MCPX_USAGE or MCPX_CONFIG_COMMAND
 */
export function readCommandLine(argv: readonly string[], needs: ProgramNeeds): ServeRequest | undefined {
  let request: ServeRequest | undefined
  const program = settle(new Command('mcplex'), needs)
    .description('Serve any MCP server to many clients at once, each isolated, in both protocol eras.')
    .enablePositionalOptions()
    .helpCommand('help [verb]', 'print the help of a verb')
  const serve = settle(program.command('serve'), needs)
    .description('serve one stdio MCP server to many clients')
    .usage('[options] -- <command> [args...]')
    .argument('[command...]', 'the MCP server to start, with its arguments')
    .passThroughOptions()
    .addHelpText('after', examples)
  addOptions(serve)
  serve.action((words: string[]) => {
    request = { ...talk(serve), flags: flagsOf(serve), command: commandOf(words, serve.opts()['stdio']) }
  })
  try {
    program.parse(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return undefined
    throw usage(error, argv)
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

function addOptions(serve: Command): void {
  for (const [room, title] of Object.entries(titles)) {
    for (const { option } of schema.filter((row) => row.room === room)) {
      if (option.flag !== undefined) serve.addOption(asCommanderOption(option, option.flag).helpGroup(`${title}:`))
    }
    if (room === 'upstream')
      serve.addOption(
        new Option(
          '--stdio <command>',
          'The server as one quoted string, instead of what follows `--`; split like a shell would, but no shell is run.',
        ).helpGroup(`${title}:`),
      )
  }
  const talkOptions = [
    new Option('--json', 'One JSON object on stdout once requests are served; no banner.'),
    new Option('-q, --quiet', 'No banner, and errors only in the log.').conflicts('verbose'),
    new Option('-v, --verbose', 'Log at debug.'),
    new Option('--no-color', 'No colours.'),
  ]
  for (const option of talkOptions) serve.addOption(option.helpGroup('Output:'))
}

function asCommanderOption(row: Row, flag: string): Option {
  const names = `${row.short === undefined ? '' : `-${row.short}, `}--${flag}`
  if (row.kind === 'switch') return new Option(names, row.about)
  const choices = row.kind === 'choice' ? `${accepted(row)}; ` : ''
  const hint = row.kind === 'list' || row.kind === 'given' ? '' : ` (${choices}default: ${shortDefault(row)})`
  return new Option(`${names} <${placeholder(row, flag)}>`, `${row.about}${hint}`).argParser(
    (text: string, before: readonly string[] | undefined) => [...(before ?? []), text],
  )
}

function placeholder(row: Row, flag: string): string {
  if (row.kind === 'count') return row.word === undefined ? 'n' : `n|${row.word}`
  if (row.kind === 'duration') return 'time'
  if (row.kind === 'bytes') return 'size'
  return row.kind === 'given' ? 'name' : (flag.split('-').at(-1) ?? flag)
}

function flagsOf(serve: Command): ReadonlyMap<string, readonly string[]> {
  const known = new Set(schema.flatMap((row) => row.option.flag ?? []))
  const flags = new Map<string, readonly string[]>()
  for (const option of serve.options) {
    const name = option.long?.slice(2) ?? ''
    const value: string[] | string | boolean | undefined = serve.getOptionValue(option.attributeName())
    if (!known.has(name) || value === undefined) continue
    flags.set(name, Array.isArray(value) ? value : [String(value)])
  }
  return flags
}

function talk(serve: Command): Pick<ServeRequest, 'isJson' | 'isQuiet' | 'isVerbose' | 'isColorOff'> {
  const options = serve.opts()
  return {
    isJson: options['json'] === true,
    isQuiet: options['quiet'] === true,
    isVerbose: options['verbose'] === true,
    isColorOff: options['color'] === false,
  }
}

function commandOf(words: readonly string[], line: unknown): readonly string[] {
  if (typeof line !== 'string') {
    if (words.length === 0) throw failed('there is no command to serve', ['try', 'mcplex serve -- npx -y <package>'])
    return words
  }
  if (words.length > 0) throw failed('the command was said twice: with --stdio and behind --', ['try', 'leave one out'])
  const split = splitCommand(line)
  if (split === undefined || split.length === 0)
    throw failed(`--stdio ${JSON.stringify(line)} ${split ? 'is empty' : 'has a quote that is never closed'}`, [
      'try',
      'the command behind --: its words need no second quoting there',
    ])
  return split
}

function usage(error: CommanderError, argv: readonly string[]): CommandFailed {
  if (error.code === 'commander.help')
    return argv[0] === 'help'
      ? failed(`there is no verb '${argv[1] ?? ''}'`, ['try', 'mcplex help'])
      : failed('a verb is missing', ['try', 'mcplex serve -- <command>'])
  const [first = '', ...hints] = error.message.replace(/^error: /, '').split('\n')
  const hint = hints.join(' ').replace(/^\((.*)\)$/, '$1')
  const dashes = argv.indexOf('--')
  const isVerbForgotten = error.code === 'commander.unknownCommand' && hint === '' && dashes >= 0
  return failed(
    hint === '' ? first : `${first}: ${hint.charAt(0).toLowerCase()}${hint.slice(1)}`,
    isVerbForgotten ? ['try', `mcplex serve -- ${argv.slice(dashes + 1).join(' ')}`] : ['try', 'mcplex serve --help'],
  )
}

function failed(message: string, note: readonly [string, string]): CommandFailed {
  return new CommandFailed([{ code: 'MCPX_USAGE', message, notes: [note] }])
}
