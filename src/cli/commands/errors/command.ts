/** The command line of `errors`. */
import { Option } from 'commander'
import { addDoorOptions, type DoorWish, doorWishOf } from '../../door.ts'
import type { Subcommand } from '../command.ts'
import { countOf } from '../count-option.ts'
import { addOutputOptions, type OutputOptions, outputOptionsOf } from '../output-options.ts'

/** A parsed `errors` command. */
export interface ErrorsRequest extends OutputOptions {
  readonly verb: 'errors'
  readonly door: DoorWish
  readonly limit: number
  /** Only those of this tenant. */
  readonly tenant: string | undefined
}

const examples = `
Examples:
  mcplex errors                                    what went wrong within the last hour, the most frequent first
  mcplex errors --json | jq '.errors[] | select(.reason == "overloaded")'

The reason is tool_error (the tool said so), error (of the server), or a word of docs/errors.md. Exit codes: 0 listed, 1
there is no such mcplex, 2 wrong usage, 77 the token was not accepted.`

export const errorsVerb: Subcommand<ErrorsRequest> = {
  name: 'errors',
  declare(command, asked) {
    command
      .description('count what went wrong in a running mcplex within the last hour: by reason, client, tool and server')
      .usage('[options]')
      .addHelpText('after', examples)
      .addOption(new Option('--tenant <name>', 'Only those of this tenant.'))
      .addOption(new Option('--limit <n>', 'How many rows at most, up to 1000.').default('100'))
    addDoorOptions(command)
    addOutputOptions(command, 'One JSON object on stdout: the errors.')
    command.action(() => {
      const { limit, tenant } = command.opts<{ limit: string; tenant?: string }>()
      asked({
        verb: 'errors',
        ...outputOptionsOf(command),
        door: doorWishOf(command),
        limit: countOf('--limit', limit, 1, 1000),
        tenant,
      })
    })
  },
}
