/** The command line of `up`: the file, and the flags of options that hold for all servers. */
import { Option } from 'commander'
import { sharedOptions as rows } from '../../../config/schema.ts'
import { addOptionFlags, flagsOf } from '../option-flags.ts'
import { addOutputOptions, type OutputOptions, outputOptionsOf } from '../output-options.ts'
import type { Subcommand } from '../command.ts'

/** A parsed `up` command. */
export interface UpRequest extends OutputOptions {
  readonly verb: 'up'
  /** The path of the file; undefined for the usual one. */
  readonly file: string | undefined
  /** Whether modules are replaced when their files change. */
  readonly watch: boolean
  /** The values of each flag, by its name without dashes. */
  readonly flags: ReadonlyMap<string, readonly string[]>
}

const examples = `
Examples:
  mcplex up                                        mcplex.yaml in this folder
  mcplex up --config ~/.config/Claude/claude_desktop_config.json
  mcplex up --config <(envsubst < mcplex.yaml.in)
  mcplex up --port 9000 --log-level debug
  mcplex up --watch                                while you write a module: a change is served at once

The file says which servers (mcplex init writes one); options here hold for all of them. All servers together are at /mcp,
each alone at /mcp/NAME. One that cannot be started keeps back no other one, and is tried again. A changed file is
applied while clients are served. Flags win over variables, and variables over the file; mcplex check --print shows where
each value is from.

Exit codes: 0 stopped, 130 stopped by Ctrl-C, 1 failed, 2 wrong usage, 69 no server could be started, 78 bad
configuration.`

export const upVerb: Subcommand<UpRequest> = {
  name: 'up',
  declare(command, asked) {
    command
      .description('serve all MCP servers of a file to many clients')
      .usage('[options]')
      .addOption(new Option('-c, --config <file>', 'The file. (default: mcplex.yaml or mcplex.yml in this folder)'))
      .addOption(new Option('--watch', 'Replaces a server that is a module when its file changes; sessions are kept.'))
      .addHelpText('after', examples)
    addOptionFlags(command, rows)
    addOutputOptions(command, 'One JSON object on stdout once requests are served; no banner.', true)
    command.action(() => {
      const { config, watch = false } = command.opts<{ config?: string; watch?: boolean }>()
      asked({ verb: 'up', ...outputOptionsOf(command), file: config, watch, flags: flagsOf(command, rows) })
    })
  },
}
