/** The command line of `reload`. */
import { Option } from 'commander'
import { type Subcommand, wrongUsage } from '../command.ts'
import { addOutputOptions, type OutputOptions, outputOptionsOf } from '../output-options.ts'

/** A parsed `reload` command. */
export interface ReloadRequest extends OutputOptions {
  readonly verb: 'reload'
  /** The file of the instance that is meant; undefined if it does not matter. */
  readonly file: string | undefined
  /** The process that is meant; undefined if it does not matter. */
  readonly pid: number | undefined
}

const examples = `
Examples:
  mcplex reload                                    the running mcplex up of this folder, or the only one
  mcplex reload --config /etc/mcplex/mcplex.yaml
  mcplex reload --pid 4711

mcplex up also reads its file again by itself when the file changes, and upon SIGHUP if it has no terminal. Exit codes: 0
applied, 1 there is no such mcplex, 2 wrong usage, 78 not applied: the configuration before stays in force.`

export const reloadVerb: Subcommand<ReloadRequest> = {
  name: 'reload',
  declare(command, asked) {
    command
      .description('have a running mcplex up read its file again, and say what came of it')
      .usage('[options]')
      .addOption(new Option('-c, --config <file>', 'The file of the mcplex that is meant, if several run.'))
      .addOption(new Option('--pid <pid>', 'The process that is meant, if several run.').conflicts('config'))
      .addHelpText('after', examples)
    addOutputOptions(command, 'One JSON object on stdout: whether the file was applied, and what has changed.')
    command.action(() => {
      const { config, pid } = command.opts<{ config?: string; pid?: string }>()
      asked({
        verb: 'reload',
        ...outputOptionsOf(command),
        file: config,
        pid: pid === undefined ? undefined : pidOf(pid),
      })
    })
  },
}

function pidOf(text: string): number {
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text)
  throw wrongUsage(`--pid ${JSON.stringify(text)} is not the id of a process`, ['try', 'mcplex reload'])
}
