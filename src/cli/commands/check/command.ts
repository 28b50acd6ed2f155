/** The command line of `check`. */
import { Option } from 'commander'
import type { Subcommand } from '../command.ts'
import { addOutputOptions, type OutputOptions, outputOptionsOf } from '../output-options.ts'

/** A parsed `check` command. */
export interface CheckRequest extends OutputOptions {
  readonly verb: 'check'
  /** The path of the file; undefined for the usual one. */
  readonly file: string | undefined
  /** Whether to print each value with its origin. */
  readonly isPrint: boolean
}

const examples = `
Examples:
  mcplex check                                     mcplex.yaml in this folder
  mcplex check --print                             each value, and where it is from
  mcplex check ~/.config/Claude/claude_desktop_config.json

Each problem is told with its line, its column and a way out. Programs, working directories and modules are looked for on
this machine, but nothing is started. Exit codes: 0 it can be served, 2 wrong usage, 78 it cannot, or there is no such file.`

export const checkVerb: Subcommand<CheckRequest> = {
  name: 'check',
  declare(command, asked) {
    command
      .description('check a configuration file, and say what is wrong with it')
      .usage('[options] [file]')
      .argument('[file]', 'the file; mcplex.yaml in this folder if it is left out')
      .addOption(new Option('-c, --config <file>', 'The same as the argument.'))
      .addOption(new Option('--print', 'Print each value with its origin. Secrets are masked.'))
      .addHelpText('after', examples)
    addOutputOptions(
      command,
      'One JSON object on stdout: the servers, warnings or errors, and with --print each value.',
    )
    command.action((file: string | undefined) => {
      const { config, print } = command.opts<{ config?: string; print?: boolean }>()
      asked({ verb: 'check', ...outputOptionsOf(command), file: file ?? config, isPrint: print === true })
    })
  },
}
