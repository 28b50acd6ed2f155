/** The words of `serve`: flags made from the table of options, and the command to serve. Their values are left to `config/`. */
import { type Command, Option } from 'commander'
import type { Option as Row } from '../../base/option.ts'
import { accepted } from '../../config/accept.ts'
import { shortDefault } from '../../config/document.ts'
import { schema, titles } from '../../config/schema.ts'
import { splitCommand } from '../split-command.ts'
import { addTalkOptions, type Talk, talkOf } from './talk.ts'
import { type Verb, wrongUsage } from './verb.ts'

/** What `serve` was asked for. */
export interface ServeRequest extends Talk {
  readonly verb: 'serve'
  /** The values of each flag of an option, by its name without dashes. */
  readonly flags: ReadonlyMap<string, readonly string[]>
  readonly command: readonly string[]
}

const examples = `
Examples:
  mcplex serve -- npx -y @modelcontextprotocol/server-everything
  mcplex serve --port 9000 --max-connections 200 --pool 16 -- uvx mcp-server-git
  GITHUB_TOKEN=... mcplex serve --env GITHUB_TOKEN -- npx -y @modelcontextprotocol/server-github
  mcplex serve --json -- node server.js
  mcplex serve --transport stdio -- node server.js

Each option can also be set through the environment; docs/configuration.md lists the names and the reasons of the
defaults. Exit codes: 0 stopped, 130 stopped by Ctrl-C, 1 failed, 2 wrong usage, 69 the server could not be started,
78 bad configuration.`

export const serveVerb: Verb<ServeRequest> = {
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
        ...talkOf(command),
        flags: flagsOf(command),
        command: commandOf(words, command.opts()['stdio']),
      })
    })
  },
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
  addTalkOptions(serve, 'One JSON object on stdout once requests are served; no banner.')
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
    // A flag that says no is true as long as nobody says it.
    if (!known.has(name) || value === undefined || (option.negate && value === true)) continue
    flags.set(name, Array.isArray(value) ? value : [String(value)])
  }
  return flags
}

function commandOf(words: readonly string[], line: unknown): readonly string[] {
  if (typeof line !== 'string') {
    if (words.length === 0)
      throw wrongUsage('there is no command to serve', ['try', 'mcplex serve -- npx -y <package>'])
    return words
  }
  if (words.length > 0)
    throw wrongUsage('the command was said twice: with --stdio and behind --', ['try', 'leave one out'])
  const split = splitCommand(line)
  if (split === undefined || split.length === 0)
    throw wrongUsage(`--stdio ${JSON.stringify(line)} ${split ? 'is empty' : 'has a quote that is never closed'}`, [
      'try',
      'the command behind --: its words need no second quoting there',
    ])
  return split
}
