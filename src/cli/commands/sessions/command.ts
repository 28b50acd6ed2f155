/** The command line of `sessions`. */
import { Option } from 'commander'
import { didYouMean } from '../../../base/did-you-mean.ts'
import { type SessionEnd, sessionEnds } from '../../../base/events.ts'
import { addDoorOptions, type DoorWish, doorWishOf } from '../../door.ts'
import { type Subcommand, wrongUsage } from '../command.ts'
import { countOf } from '../count-option.ts'
import { addOutputOptions, type OutputOptions, outputOptionsOf } from '../output-options.ts'

/** A part of a list. */
interface SessionsPage {
  readonly limit: number
  readonly offset: number
  readonly client: string | undefined
  readonly tenant: string | undefined
}

/** What is to be done. */
export type SessionsAction =
  | ({ readonly kind: 'list' } & SessionsPage)
  | ({ readonly kind: 'closed'; readonly reason: SessionEnd | undefined } & SessionsPage)
  | { readonly kind: 'show'; readonly label: string }
  | { readonly kind: 'close'; readonly label: string }

/** A parsed `sessions` command. */
export interface SessionsRequest extends OutputOptions {
  readonly verb: 'sessions'
  readonly door: DoorWish
  readonly action: SessionsAction
}

const examples = `
Examples:
  mcplex sessions                                  live sessions: client, age, idle time, calls, streams, kept bytes
  mcplex sessions --client cursor                  those of clients with that in their name
  mcplex sessions show 1f09ab                      one session: whose it is, the tools it was shown, its calls
  mcplex sessions --tenant acme                    those of one tenant
  mcplex sessions close 1f09ab                     end it: its calls are cancelled, its client begins another one
  mcplex sessions --closed --reason evicted        those that have ended, of the last 10,000
  mcplex sessions --closed --limit 1000 --offset 1000
                                                   the second thousand of them

A session is named by its label, as in the log, or by the first characters of it; the session id is never shown. Exit codes: 0 listed
or closed, 1 there is no such mcplex or session, 2 wrong usage, 77 the token was not accepted.`

export const sessionsVerb: Subcommand<SessionsRequest> = {
  name: 'sessions',
  declare(command, asked) {
    command
      .description('list the sessions of a running mcplex, show one, or close it')
      .usage('[options] [list | show <label> | close <label>]')
      .addHelpText('after', examples)
      .argument('[action]', '`list`, which is what it does by default, `show` or `close`')
      .argument('[label]', 'the label of a session, or the beginning of it')
      .addOption(new Option('--closed', 'Those that have ended, the last one first.'))
      .addOption(new Option('--client <name>', 'Only those of clients with that in their name.'))
      .addOption(new Option('--tenant <name>', 'Only those of this tenant.'))
      .addOption(new Option('--reason <word>', 'Of --closed: only those that ended for this reason.'))
      .addOption(new Option('--limit <n>', 'How many at most, up to 1000.').default('100'))
      .addOption(new Option('--offset <n>', 'How many to leave out at the beginning of the list.').default('0'))
    addDoorOptions(command)
    addOutputOptions(command, 'One JSON object on stdout: the list of sessions, or the label of the closed session.')
    command.action((action?: string, label?: string) => {
      const options = command.opts<Flags>()
      asked({
        verb: 'sessions',
        ...outputOptionsOf(command),
        door: doorWishOf(command),
        action: actionIn(action, label, options),
      })
    })
  },
}

interface Flags {
  readonly closed?: true
  readonly client?: string
  readonly tenant?: string
  readonly reason?: string
  readonly limit: string
  readonly offset: string
}

function actionIn(
  action: string | undefined,
  label: string | undefined,
  { closed, client, tenant, reason, limit, offset }: Flags,
): SessionsAction {
  if (action === 'show' || action === 'close') {
    if (closed !== undefined || client !== undefined || tenant !== undefined || reason !== undefined)
      throw wrongUsage(`${action} takes a label alone`, ['try', `mcplex sessions ${action} ${label ?? '<label>'}`])
    // An empty label would be the beginning of every label.
    if (label !== undefined && /^[0-9a-f]{1,8}$/.test(label)) return { kind: action, label }
    throw wrongUsage(`${action} needs the label of a session: up to 8 of 0-9 and a-f`, [
      'try',
      'mcplex sessions, to see the labels',
    ])
  }
  if (action !== undefined && action !== 'list') {
    const meant = didYouMean(action, ['list', 'show', 'close'])
    throw wrongUsage(`'${action}' is no action of sessions`, [
      'try',
      meant === undefined ? 'mcplex sessions --help' : `mcplex sessions ${meant} ${label ?? ''}`.trim(),
    ])
  }
  if (label !== undefined) throw wrongUsage('list takes no label', ['try', `mcplex sessions show ${label}`])
  if (reason !== undefined && closed === undefined)
    throw wrongUsage('--reason is of sessions that have ended', ['try', `mcplex sessions --closed --reason ${reason}`])
  const page = {
    limit: countOf('--limit', limit, 1, 1000),
    offset: countOf('--offset', offset, 0, 100_000),
    client,
    tenant,
  }
  return closed === undefined ? { kind: 'list', ...page } : { kind: 'closed', reason: reasonIn(reason), ...page }
}

function reasonIn(word: string | undefined): SessionEnd | undefined {
  const reason = sessionEnds.find((one) => one === word)
  if (word === undefined || reason !== undefined) return reason
  const meant = didYouMean(word, sessionEnds)
  throw wrongUsage(
    `--reason ${JSON.stringify(word)} is not why sessions end`,
    ['accepted', sessionEnds.join(', ')],
    ...(meant === undefined ? [] : [['try', `mcplex sessions --closed --reason ${meant}`] as const]),
  )
}
