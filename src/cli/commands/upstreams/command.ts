/** The command line of `upstreams`. */
import { Option } from 'commander'
import type { Subcommand } from '../command.ts'
import { addOutputOptions, type OutputOptions, outputOptionsOf } from '../output-options.ts'

/** A parsed `upstreams` command. */
export interface UpstreamsRequest extends OutputOptions {
  readonly verb: 'upstreams'
  readonly action: 'accept'
  /** The name of the upstream. */
  readonly upstream: string
  /** The process id of the instance, as given; undefined if there is only one. */
  readonly pid: string | undefined
}

const examples = `
Example:
  mcplex upstreams accept github                   show what \`onChange: hold\` holds back

A server that was started with mcplex serve has the name server.`

export const upstreamsVerb: Subcommand<UpstreamsRequest> = {
  name: 'upstreams',
  declare(command, asked) {
    command
      .description('accept definitions of tools that a running mcplex holds back')
      .usage('accept <name>')
      .addHelpText('after', examples)
    command
      .argument('<action>', '`accept`')
      .argument('<name>', 'the name of the upstream')
      .addOption(new Option('--pid <pid>', 'The process id of the mcplex that is meant, if several run.'))
    addOutputOptions(command, 'One JSON object on stdout: how many definitions were accepted, and of which tools.')
    command.action((action: string, upstream: string) => {
      if (action !== 'accept') command.error(`error: unknown action '${action}': there is accept`)
      const { pid } = command.opts<{ pid?: string }>()
      asked({ verb: 'upstreams', action: 'accept', ...outputOptionsOf(command), upstream, pid })
    })
  },
}
