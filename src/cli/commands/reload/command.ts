/** The command line of `reload`. */
import { addDoorOptions, type DoorWish, doorWishOf } from '../../door.ts'
import type { Subcommand } from '../command.ts'
import { addOutputOptions, type OutputOptions, outputOptionsOf } from '../output-options.ts'

/** A parsed `reload` command. */
export interface ReloadRequest extends OutputOptions {
  readonly verb: 'reload'
  readonly door: DoorWish
}

const examples = `
Examples:
  mcplex reload                                    the running mcplex up of this folder, or the only one
  mcplex reload --config /etc/mcplex/mcplex.yaml
  mcplex reload --pid 4711
  mcplex reload --admin http://10.0.0.5:8081       on another machine; a token with the right configure is needed

Sessions go on, and only servers that have changed are replaced. mcplex up also reads its file again by itself when the
file changes, and upon SIGHUP if it has no terminal; what was applied then is told here as well. Exit codes: 0 applied,
1 there is no such mcplex, 2 wrong usage, 78 not applied: the configuration before stays in force.`

export const reloadVerb: Subcommand<ReloadRequest> = {
  name: 'reload',
  declare(command, asked) {
    command
      .description('have a running mcplex up read its file again, and say what came of it')
      .usage('[options]')
      .addHelpText('after', examples)
    addDoorOptions(command)
    addOutputOptions(
      command,
      'One JSON object on stdout: what was added, changed, removed and renamed, and what needs a restart.',
    )
    command.action(() => {
      asked({ verb: 'reload', ...outputOptionsOf(command), door: doorWishOf(command) })
    })
  },
}
