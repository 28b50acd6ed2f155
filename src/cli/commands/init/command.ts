/** The command line of `init`. */
import { Option } from 'commander'
import type { Subcommand } from '../command.ts'
import { addOutputOptions, type OutputOptions, outputOptionsOf } from '../output-options.ts'

/** A parsed `init` command. */
export interface InitRequest extends OutputOptions {
  readonly verb: 'init'
  /** The path of the file to write. */
  readonly file: string
  /** A client or the path of its file; undefined for all clients of this machine. */
  readonly from: string | undefined
  readonly isForce: boolean
}

const examples = `
Examples:
  mcplex init                                      the servers of all clients on this machine
  mcplex init --from claude-desktop                those of one client
  mcplex init --from ./mcp.json                    those in a file
  mcplex init --from none                          an example to start from

The files of clients are read only. Exit codes: 0 written, 1 the file is there already or cannot be written, 2 wrong
usage, 78 the file of --from cannot be read.`

export const initVerb: Subcommand<InitRequest> = {
  name: 'init',
  declare(command, asked) {
    command
      .description('write mcplex.yaml, with the servers that clients on this machine start')
      .usage('[options]')
      .addOption(
        new Option(
          '--from <client>',
          'Only the servers of this client, or of a file; none for an example. (default: all clients that are found)',
        ),
      )
      .addOption(new Option('-c, --config <file>', 'The file to write.').default('mcplex.yaml'))
      .addOption(new Option('--force', 'Replace the file. What was there is kept beside it, as <file>.bak-<n>.'))
      .addHelpText('after', examples)
    addOutputOptions(command, 'One JSON object on stdout: the file, its upstreams, and where they are from.')
    command.action(() => {
      const { config, from, force } = command.opts<{ config: string; from?: string; force?: boolean }>()
      asked({ verb: 'init', ...outputOptionsOf(command), file: config, from, isForce: force === true })
    })
  },
}
