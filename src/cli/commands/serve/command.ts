/** The command line of `serve`: flags made from the option tables, and the command to serve. `config/` reads the values. */
import { Option } from 'commander'
import { maskWord } from '../../../base/mask-command.ts'
import { schema } from '../../../config/schema.ts'
import type { CommandFailed } from '../../failures.ts'
import { showWords } from '../../shell-words.ts'
import { splitCommand } from '../../split-command.ts'
import { addOptionFlags, flagsOf } from '../option-flags.ts'
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
  mcplex serve --env GITHUB_PERSONAL_ACCESS_TOKEN -- npx -y @modelcontextprotocol/server-github
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
    addOptionFlags(command, schema, { upstream: [stdioFlag] })
    addOutputOptions(command, 'One JSON object on stdout once requests are served; no banner.', true)
    command.action((words: string[]) => {
      asked({
        verb: 'serve',
        ...outputOptionsOf(command),
        flags: flagsOf(command, schema),
        command: commandOf(words, command.opts()['stdio']),
      })
    })
  },
}

const stdioFlag = new Option(
  '--stdio <command>',
  'The server as one quoted string, instead of what follows `--`; split like a shell would, but no shell is run.',
)

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
