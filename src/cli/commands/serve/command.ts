/** The command line of `serve`: flags made from the option tables, and the command to serve. `config/` reads the values. */
import { type Command, Option } from 'commander'
import { maskWord } from '../../../base/mask-command.ts'
import type { Option as Row } from '../../../base/option.ts'
import { accepted } from '../../../config/read-option.ts'
import { shortDefault } from '../../../config/document.ts'
import { schema, titles } from '../../../config/schema.ts'
import type { CommandFailed } from '../../failures.ts'
import { showWords } from '../../shell-words.ts'
import { splitCommand } from '../../split-command.ts'
import { addOutputOptions, type OutputOptions, outputOptionsOf } from '../output-options.ts'
import { type Subcommand, wrongUsage } from '../command.ts'

/** A parsed `serve` command. */
export interface ServeRequest extends OutputOptions {
  readonly verb: 'serve'
  /** The values of each flag, by its name without dashes. */
  readonly flags: ReadonlyMap<string, readonly string[]>
  readonly command: readonly string[]
}

const examples = `
What follows -- is the server with its arguments, found through PATH and run without a shell. Options of mcplex come
before it. Without -- the server begins at the first word that is no option.

Examples:
  mcplex serve -- npx -y @modelcontextprotocol/server-everything
  mcplex serve --port 9000 --max-connections 200 --pool 16 -- uvx mcp-server-git
  GITHUB_TOKEN=... mcplex serve --env GITHUB_TOKEN -- npx -y @modelcontextprotocol/server-github
  mcplex serve --json -- node server.js
  mcplex serve --transport stdio -- node server.js

Each option can also be set through the variable that stands beside it; docs/configuration.md has those that have no
flag, and the reasons of the defaults. Exit codes: 0 stopped, 130 stopped by Ctrl-C, 1 failed, 2 wrong usage, 69 the server could not be started,
78 bad configuration.`

export const serveVerb: Subcommand<ServeRequest> = {
  name: 'serve',
  declare(command, asked) {
    command
      .description('serve one stdio MCP server to many clients')
      .usage('[options] -- <command> [args...]')
      .argument('[command...]', 'the MCP server to start, with its arguments')
      .passThroughOptions()
      .addHelpText('after', examples)
    addOptions(command)
    command.action((words: string[]) => {
      asked({
        verb: 'serve',
        ...outputOptionsOf(command),
        flags: flagsOf(command),
        command: commandOf(words, command.opts()['stdio']),
      })
    })
  },
}

function addOptions(serve: Command): void {
  for (const [module, title] of Object.entries(titles)) {
    for (const { option, ownEnv } of schema.filter((row) => row.module === module)) {
      if (option.flag !== undefined)
        serve.addOption(asCommanderOption(option, option.flag, ownEnv).helpGroup(`${title}:`))
    }
    if (module === 'upstream')
      serve.addOption(
        new Option(
          '--stdio <command>',
          'The server as one quoted string, instead of what follows `--`; split like a shell would, but no shell is run.',
        ).helpGroup(`${title}:`),
      )
  }
  addOutputOptions(serve, 'One JSON object on stdout once requests are served; no banner.')
}

function asCommanderOption(row: Row, flag: string, ownEnv: string | undefined): Option {
  const names = `${row.short === undefined ? '' : `-${row.short}, `}--${flag}`
  const env = row.env ?? ownEnv
  const facts = [
    row.kind === 'choice' ? accepted(row) : undefined,
    row.kind === 'switch' || row.kind === 'list' || row.kind === 'given' ? undefined : `default: ${shortDefault(row)}`,
    env === undefined ? undefined : `env: ${env}${flag.startsWith('no-') ? '=false' : ''}`,
  ].filter((fact) => fact !== undefined)
  const hint = facts.length === 0 ? '' : ` (${facts.join('; ')})`
  if (row.kind === 'switch') return new Option(names, `${row.about}${hint}`)
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
    // Commander sets a negated flag (`--no-x`) to true unless it is given.
    if (!known.has(name) || value === undefined || (option.negate && value === true)) continue
    flags.set(name, Array.isArray(value) ? value : [String(value)])
  }
  return flags
}

function commandOf(words: readonly string[], line: unknown): readonly string[] {
  const command = typeof line === 'string' ? commandIn(line, words) : words
  const [first] = command
  if (first === undefined)
    throw wrongUsage('there is no command to serve', [
      'try',
      'mcplex serve -- npx -y @modelcontextprotocol/server-everything',
    ])
  // The part before an @ may be a password.
  if (/^https?:\/\//i.test(first)) throw urlToServe(first.replace(/\/\/[^/@]*@/, '//'))
  return command
}

/** The command in the value of `--stdio`. */
function commandIn(line: string, words: readonly string[]): readonly string[] {
  const split = splitCommand(line)
  if (split === undefined || split.length === 0)
    throw wrongUsage(
      `--stdio ${JSON.stringify(maskWord(line))} ${split ? 'is empty' : 'has a quote that is never closed'}`,
      ['try', 'the command after --: its words need no second quoting there'],
    )
  if (words.length === 0) return split
  throw wrongUsage(
    'the command is given twice: with --stdio and after --',
    ['try', `mcplex serve -- ${showWords(words)}`],
    ['or', `mcplex serve -- ${showWords(split)}`],
    ['or', `mcplex serve -- ${showWords([...split, ...words])}`],
  )
}

/** A server at a URL cannot be started by `serve`. */
function urlToServe(url: string): CommandFailed {
  return wrongUsage(
    `${maskWord(url)} is the URL of a server that runs; serve starts one, and speaks to it through its stdin and stdout`,
    ['try', `mcplex connect ${showWords([url])}`],
    ['note', 'connect bridges a client that can only start commands; others take the URL itself'],
  )
}
