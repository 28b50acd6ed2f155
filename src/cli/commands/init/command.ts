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
  /** Whether a module with tools is written as well, beside the file. */
  readonly hasTools: boolean
}

const examples = `
Examples:
  mcplex init                                      the servers of all clients on this machine
  mcplex init --from claude-desktop                those of one client
  mcplex init --from ./mcp.json                    those in a file
  mcplex init --from none                          an example to start from
  mcplex init --tools                              a module with tools of your own, and the file that serves it

Claude Desktop, Claude Code, Cursor, VS Code and Windsurf are looked for; their files are only read. Next: mcplex up
serves the servers, and mcplex config CLIENT --write has the client use them there.

Exit codes: 0 written, 1 the file is there already or cannot be written, or the client of --from starts no server here,
2 wrong usage, 78 the file of --from cannot be read.`

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
      .addOption(
        new Option(
          '--tools',
          'Write tools.mjs as well, a server of your own to start from. Servers of clients are added only with --from.',
        ),
      )
      .addOption(new Option('--force', 'Replace the file. What was there is kept beside it, as <file>.bak-<n>.'))
      .addHelpText('after', examples)
    addOutputOptions(command, 'One JSON object on stdout: the file, its upstreams, and where they are from.')
    command.action(() => {
      const options = command.opts<{ config: string; from?: string; force?: boolean; tools?: boolean }>()
      const hasTools = options.tools === true
      asked({
        verb: 'init',
        ...outputOptionsOf(command),
        file: options.config,
        from: options.from ?? (hasTools ? 'none' : undefined),
        isForce: options.force === true,
        hasTools,
      })
    })
  },
}
