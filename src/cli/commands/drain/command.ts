/** The command line of `drain`. */
import { Option } from 'commander'
import { addDoorOptions, type DoorWish, doorWishOf } from '../../door.ts'
import type { Subcommand } from '../command.ts'
import { addOutputOptions, type OutputOptions, outputOptionsOf } from '../output-options.ts'

/** A parsed `drain` command. */
export interface DrainRequest extends OutputOptions {
  readonly verb: 'drain'
  readonly door: DoorWish
  /** Whether the end of the process is waited for. */
  readonly waits: boolean
}

const examples = `
Examples:
  mcplex drain                                     end the running mcplex, and say what it waits for
  mcplex drain --no-wait                           begin, and return at once

As with SIGTERM, new work is refused, calls in flight get limits.drain (30 s) to finish, and then the process ends. Exit
codes: 0 it has ended (with --no-wait: it has begun), 1 there is no such mcplex, 2 wrong usage, 77 the token was not
accepted.`

export const drainVerb: Subcommand<DrainRequest> = {
  name: 'drain',
  declare(command, asked) {
    command
      .description('end a running mcplex once its calls in flight have finished')
      .usage('[options]')
      .addHelpText('after', examples)
      .addOption(new Option('--no-wait', 'Return as soon as it has begun.'))
    addDoorOptions(command)
    addOutputOptions(command, 'JSON objects on stdout, one a line: what is waited for, and the end.')
    command.action(() => {
      const { wait } = command.opts<{ wait: boolean }>()
      asked({ verb: 'drain', ...outputOptionsOf(command), door: doorWishOf(command), waits: wait })
    })
  },
}
