/** The command line of `upstreams`. */
import { addInstanceOptions, type InstanceWish, instanceWishOf } from '../../choose-instance.ts'
import { didYouMean } from '../../../base/did-you-mean.ts'
import { type Subcommand, wrongUsage } from '../command.ts'
import { addOutputOptions, type OutputOptions, outputOptionsOf } from '../output-options.ts'

/** A parsed `upstreams` command. */
export interface UpstreamsRequest extends OutputOptions {
  readonly verb: 'upstreams'
  readonly instance: InstanceWish
  /** What to accept; undefined to list all upstreams. */
  readonly accept: { readonly upstream: string; readonly hash: string | undefined } | undefined
}

const examples = `
Examples:
  mcplex upstreams                                 each server: its kind, state and tools, and what is held back
  mcplex upstreams accept github                   show clients all that \`onChange: hold\` holds back
  mcplex upstreams accept github Xk3f              only the definition whose hash begins so
  mcplex upstreams accept github -- -k3f           the same; a hash may begin with a hyphen

\`onChange: hold\` keeps a tool that its server defines anew, or adds, from clients until you have looked at it. A server
that was started with mcplex serve has the name server. Exit codes: 0 listed or accepted, 1 there is no such mcplex,
server or definition, 2 wrong usage.`

export const upstreamsVerb: Subcommand<UpstreamsRequest> = {
  name: 'upstreams',
  declare(command, asked) {
    command
      .description('list the servers of a running mcplex, and accept definitions of tools that it holds back')
      .usage('[options] [list | accept <name> [hash]]')
      .addHelpText('after', examples)
    command
      .argument('[action]', '`list`, which is what it does by default, or `accept`')
      .argument('[name]', 'of `accept`: the name of the server')
      .argument('[hash]', 'of `accept`: the hash of one definition, or the beginning of it; all if it is left out')
    addInstanceOptions(command)
    addOutputOptions(command, 'One JSON object on stdout: the servers, or what was accepted.')
    command.action((action?: string, name?: string, hash?: string) => {
      asked({
        verb: 'upstreams',
        ...outputOptionsOf(command),
        instance: instanceWishOf(command),
        accept: acceptIn(action, name, hash),
      })
    })
  },
}

function acceptIn(action = 'list', name?: string, hash?: string): UpstreamsRequest['accept'] {
  if (action === 'accept') {
    if (name !== undefined) return { upstream: name, hash }
    throw wrongUsage('accept needs the name of a server', ['try', 'mcplex upstreams, to see the names'])
  }
  if (action === 'list' && name === undefined) return undefined
  const meant = didYouMean(action, ['list', 'accept'])
  const line = meant === undefined ? '' : [meant, name, hash].filter((word) => word !== undefined).join(' ')
  throw wrongUsage(
    action === 'list' ? 'list takes no name' : `'${action}' is no action of upstreams`,
    ['try', action === 'list' ? 'mcplex upstreams' : `mcplex upstreams ${line}`.trim()],
    ['or', 'mcplex upstreams --help'],
  )
}
