/** The command line of `ps`. */
import type { Subcommand } from '../command.ts'
import { addOutputOptions, type OutputOptions, outputOptionsOf } from '../output-options.ts'

/** A parsed `ps` command. */
export interface PsRequest extends OutputOptions {
  readonly verb: 'ps'
}

const examples = `
Examples:
  mcplex ps                                        each running mcplex of this user: where it serves, and its load
  mcplex ps --json | jq .instances[].pid

Found are those of this user on this machine. Exit codes: 0 listed, also if none runs, 2 wrong usage.`

export const psVerb: Subcommand<PsRequest> = {
  name: 'ps',
  declare(command, asked) {
    command.description('list the running mcplex of this user').usage('[options]').addHelpText('after', examples)
    addOutputOptions(command, 'One JSON object on stdout: the instances.')
    command.action(() => asked({ verb: 'ps', ...outputOptionsOf(command) }))
  },
}
