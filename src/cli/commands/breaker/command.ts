/** The command line of `breaker`. */
import { didYouMean } from '../../../base/did-you-mean.ts'
import { addDoorOptions, type DoorWish, doorWishOf } from '../../door.ts'
import { type Subcommand, wrongUsage } from '../command.ts'
import { addOutputOptions, type OutputOptions, outputOptionsOf } from '../output-options.ts'

const words = ['open', 'close', 'auto'] as const

/** A parsed `breaker` command. */
export interface BreakerRequest extends OutputOptions {
  readonly verb: 'breaker'
  readonly door: DoorWish
  readonly word: (typeof words)[number]
  readonly upstream: string
}

const examples = `
Examples:
  mcplex breaker open github                       refuse calls of this server with breaker_open, until auto or close
  mcplex breaker close github                      let calls through, whatever they come to
  mcplex breaker auto github                       go by what calls come to again, with nothing counted yet

The circuit breaker of a server is set with \`breaker\` in the configuration file; \`mcplex upstreams\` shows its state. Exit
codes: 0 done, or there was nothing to do, 1 there is no such mcplex or server, 2 wrong usage, 77 the token was not accepted.`

export const breakerVerb: Subcommand<BreakerRequest> = {
  name: 'breaker',
  declare(command, asked) {
    command
      .description('hold the circuit breaker of a server open or closed')
      .usage('[options] <open | close | auto> <name>')
      .addHelpText('after', examples)
      .argument('<action>', '`open`, `close` or `auto`')
      .argument('<name>', 'the name of the server')
    addDoorOptions(command)
    addOutputOptions(command, 'One JSON object on stdout: the state of the circuit breaker.')
    command.action((action: string, upstream: string) => {
      asked({
        verb: 'breaker',
        ...outputOptionsOf(command),
        door: doorWishOf(command),
        word: wordIn(action, upstream),
        upstream,
      })
    })
  },
}

function wordIn(action: string, upstream: string): BreakerRequest['word'] {
  const word = words.find((one) => one === action)
  if (word) return word
  const meant = didYouMean(action, words) ?? 'auto'
  throw wrongUsage(`'${action}' is no action of breaker`, ['try', `mcplex breaker ${meant} ${upstream}`])
}
