/** The command line of `upstreams`. */
import { Option } from 'commander'
import { didYouMean } from '../../../base/did-you-mean.ts'
import { readDuration } from '../../../config/quantity.ts'
import { addDoorOptions, type DoorWish, doorWishOf } from '../../door.ts'
import { type Subcommand, wrongUsage } from '../command.ts'
import { addOutputOptions, type OutputOptions, outputOptionsOf } from '../output-options.ts'

/** What can be done to an upstream while it is served. */
export type UpstreamChange = 'pause' | 'resume' | 'disable' | 'enable' | 'recycle'

export type UpstreamsAction =
  | { readonly kind: 'list' }
  | { readonly kind: 'workers'; readonly upstream: string | undefined }
  | { readonly kind: 'accept'; readonly upstream: string; readonly hash: string | undefined }
  | {
      readonly kind: UpstreamChange
      readonly upstream: string
      /** How long a pause lasts, in milliseconds; undefined for the usual time. */
      readonly forMs: number | undefined
      /** Whether calls in flight, or the workers that are replaced, are waited for. */
      readonly waits: boolean
    }

/** A parsed `upstreams` command. */
export interface UpstreamsRequest extends OutputOptions {
  readonly verb: 'upstreams'
  readonly door: DoorWish
  readonly action: UpstreamsAction
}

const examples = `
Examples:
  mcplex upstreams                                 each server: state and why, workers, calls that run and that wait
  mcplex upstreams --workers                       each worker: state, process, age, calls
  mcplex upstreams --workers github                those of one server
  mcplex upstreams pause github --wait             new calls wait; returns when those that run have ended
  mcplex upstreams pause github --for 30s          for 30 s at most (5 minutes by default, an hour at most)
  mcplex upstreams resume github                   calls that wait run
  mcplex upstreams recycle github --wait           end each worker when its calls are over; returns when all have ended
  mcplex upstreams disable github                  refuse its calls; enable ends that
  mcplex upstreams accept github                   show clients all that \`onChange: hold\` holds back
  mcplex upstreams accept github Xk3f              only the definition whose hash begins so
  mcplex upstreams accept github -- -k3f           the same; a hash may begin with a hyphen

To upgrade a server under load: pause it with --wait, upgrade it, recycle it, resume it. At most limits.queue.max (500) calls
wait meanwhile, and further ones are refused. \`onChange: hold\` keeps a tool that its server defines anew, or adds, from clients
until you have looked at it. A server that was started with mcplex serve has the name server. Pause and disable are lost when
mcplex restarts. --wait waits 10 minutes at most. Exit codes: 0 done, or there was nothing to do, 1 there is no such mcplex,
server or definition, or what is waited for takes too long, 2 wrong usage, 77 the token was not accepted.`

export const upstreamsVerb: Subcommand<UpstreamsRequest> = {
  name: 'upstreams',
  declare(command, asked) {
    command
      .description('list the servers of a running mcplex, pause, disable or recycle one, accept definitions of tools')
      .usage(
        '[options] [list | pause <name> | resume <name> | disable <name> | enable <name> | recycle <name> | accept <name> [hash]]',
      )
      .addHelpText('after', examples)
      .argument('[action]', '`list`, which is what it does by default, or one of the others')
      .argument('[name]', 'the name of the server')
      .argument('[hash]', 'of `accept`: the hash of one definition, or the beginning of it; all if it is left out')
      .addOption(new Option('--workers', 'Each worker, instead of each server; with a name, those of that server.'))
      .addOption(new Option('--for <time>', 'Of `pause`: how long at most.'))
      .addOption(
        new Option(
          '--wait',
          'Of `pause`, `disable` and `recycle`: until calls in flight have ended, or all workers are replaced.',
        ),
      )
    addDoorOptions(command)
    addOutputOptions(command, 'One JSON object on stdout: the servers, or what was done.')
    command.action((action?: string, name?: string, hash?: string) => {
      asked({
        verb: 'upstreams',
        ...outputOptionsOf(command),
        door: doorWishOf(command),
        action: actionIn([action ?? 'list', name, hash], command.opts()),
      })
    })
  },
}

interface Flags {
  readonly workers?: true
  readonly for?: string
  readonly wait?: true
}

type Words = readonly [action: string, name: string | undefined, hash: string | undefined]

const changes: readonly UpstreamChange[] = ['pause', 'resume', 'disable', 'enable', 'recycle']
const waiting: ReadonlySet<UpstreamChange> = new Set<UpstreamChange>(['pause', 'disable', 'recycle'])

function actionIn(words: Words, flags: Flags): UpstreamsAction {
  const [action, name, hash] = words
  const change = changes.find((one) => one === action)
  if (flags.for !== undefined && change !== 'pause')
    throw wrongUsage('--for is of pause', ['try', `mcplex upstreams pause ${name ?? '<name>'} --for ${flags.for}`])
  if (flags.wait && (change === undefined || !waiting.has(change)))
    throw wrongUsage('--wait is of pause, disable and recycle', ['try', 'mcplex upstreams --help'])
  if (flags.workers) {
    if (action === 'list' && hash === undefined) return { kind: 'workers', upstream: name }
    if (change === undefined && action !== 'accept' && name === undefined) return { kind: 'workers', upstream: action }
    throw wrongUsage('--workers is of list', ['try', `mcplex upstreams --workers ${name ?? ''}`.trim()])
  }
  if (change) {
    if (name !== undefined && hash === undefined)
      return { kind: change, upstream: name, forMs: pauseIn(flags.for), waits: flags.wait === true }
    throw wrongUsage(`${change} needs the name of one server`, ['try', 'mcplex upstreams, to see the names'])
  }
  if (action === 'accept') {
    if (name !== undefined) return { kind: 'accept', upstream: name, hash }
    throw wrongUsage('accept needs the name of a server', ['try', 'mcplex upstreams, to see the names'])
  }
  if (action === 'list' && name === undefined) return { kind: 'list' }
  throw notUnderstood(words)
}

/** The longest pause, in milliseconds: one that is forgotten ends by itself. */
const longestPauseMs = 3_600_000

function pauseIn(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = readDuration(text)
  if (ms !== undefined && ms >= 1 && ms <= longestPauseMs) return ms
  throw wrongUsage(`--for ${JSON.stringify(text)} is no time from 1ms to 1h`, ['accepted', '30s, 5m, 1h'])
}

function notUnderstood([action, name, hash]: Words): Error {
  const meant = didYouMean(action, ['list', 'accept', ...changes])
  const line = meant === undefined ? '' : [meant, name, hash].filter((word) => word !== undefined).join(' ')
  return wrongUsage(
    action === 'list' ? 'list takes no name' : `'${action}' is no action of upstreams`,
    ['try', action === 'list' ? 'mcplex upstreams' : `mcplex upstreams ${line}`.trim()],
    ['or', 'mcplex upstreams --help'],
  )
}
