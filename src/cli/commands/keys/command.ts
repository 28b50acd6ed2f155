/** The command line of `keys`. */
import { Option } from 'commander'
import { wallMs } from '../../../base/clock.ts'
import { readDuration } from '../../../config/quantity.ts'
import { defaultTenant, faultOfKeyText, type KeyText } from '../../../identity/key-record.ts'
import { isScope } from '../../../identity/scope-rules.ts'
import { type Subcommand, wrongUsage } from '../command.ts'
import { addOutputOptions, type OutputOptions, outputOptionsOf } from '../output-options.ts'

export type KeysAction =
  | { readonly kind: 'list'; readonly all: boolean }
  | {
      readonly kind: 'create'
      readonly tenant: string
      /** Undefined for the name or, without one, the id of the key. */
      readonly subject: string | undefined
      readonly name: string | undefined
      /** What requests with it may do; undefined for everything. */
      readonly scopes: readonly string[] | undefined
      /** Milliseconds since 1970. */
      readonly expiresAtMs: number | undefined
      /** Whether it is printed as a line for the configuration, and not written into the file. */
      readonly isLine: boolean
    }
  | { readonly kind: 'revoke'; readonly id: string }
  | { readonly kind: 'rotate'; readonly id: string; readonly overlapMs: number }

/** A parsed `keys` command. */
export interface KeysRequest extends OutputOptions {
  readonly verb: 'keys'
  /** The paths that were given, of the keys file and of the configuration. */
  readonly keysFile: string | undefined
  readonly config: string | undefined
  readonly action: KeysAction
}

const examples = `
Examples:
  mcplex keys create --subject ann --tenant acme   a key, which is printed this once
  mcplex keys create --name ci --expires 90d       for a program; its subject is then ci
  mcplex keys                                      all keys: whose they are, until when; secrets are not kept
  mcplex keys rotate k3f9x0q2m1ab --overlap 7d     a new key for the same subject; the old one works for a week
  mcplex keys revoke k3f9x0q2m1ab                  within a second; a session ends when its subject has no key left

Keys are accepted with \`auth: { methods: [keys] }\` in mcplex.yaml, or --auth keys. They are kept in auth.keysFile, or in
mcplex.keys.json beside mcplex.yaml; of each only a hash. A running mcplex reads the file again by itself. Clients send a key
as \`Authorization: Bearer KEY\`; mcplex connect takes it from MCPLEX_API_KEY. Exit codes: 0 done, 1 there is no such key, or
the file cannot be written, 2 wrong usage, 78 the file or the configuration is not right.`

export const keysVerb: Subcommand<KeysRequest> = {
  name: 'keys',
  declare(command, asked) {
    command
      .description('make API keys for clients, list, revoke and rotate them')
      .usage('[options] [list | create | revoke <id> | rotate <id>]')
      .addHelpText('after', examples)
      .argument('[action]', '`list`, which is what it does by default, or one of the others')
      .argument('[id]', 'the id of the key: the part of it after mcpx_')
      .addOption(
        new Option(
          '--tenant <name>',
          `Of \`create\`: the organisation that it belongs to. (default: ${defaultTenant})`,
        ),
      )
      .addOption(
        new Option(
          '--subject <name>',
          'Of `create`: the user or program that uses it. (default: --name, or else the id of the key)',
        ),
      )
      .addOption(new Option('--name <text>', 'Of `create`: what people call it.'))
      .addOption(
        new Option(
          '--scopes <names>',
          'Of `create`: what it may do: scopes of auth.scopes, with commas between them. (default: everything)',
        ),
      )
      .addOption(
        new Option(
          '--expires <time>',
          'Of `create`: after how long, or at which date, it ends: 90d, 2027-01-31. (default: never)',
        ),
      )
      .addOption(
        new Option('--line', 'Of `create`: print it as a line for auth.keys in mcplex.yaml, and write no file.'),
      )
      .addOption(new Option('--overlap <time>', 'Of `rotate`: how long the old key still works. (default: 1d)'))
      .addOption(new Option('--all', 'Of `list`: revoked and expired keys as well.'))
      .addOption(
        new Option('--keys-file <path>', 'The file of keys. (default: as mcplex.yaml says, or mcplex.keys.json)'),
      )
      .addOption(new Option('-c, --config <file>', 'The configuration that names the file. (default: mcplex.yaml)'))
    addOutputOptions(command, 'One JSON object on stdout: the keys, or the key that was made.')
    command.action((action?: string, id?: string) => {
      const flags = command.opts<Flags>()
      asked({
        verb: 'keys',
        ...outputOptionsOf(command),
        keysFile: flags.keysFile,
        config: flags.config,
        action: actionIn(action ?? 'list', id, flags),
      })
    })
  },
}

interface Flags {
  readonly tenant?: string
  readonly subject?: string
  readonly name?: string
  readonly scopes?: string
  readonly expires?: string
  readonly overlap?: string
  readonly line?: true
  readonly all?: true
  readonly keysFile?: string
  readonly config?: string
}

/** The flags of each action, beside those of all. */
const flagsOf: Readonly<Record<KeysAction['kind'], ReadonlyArray<keyof Flags>>> = {
  list: ['all'],
  create: ['tenant', 'subject', 'name', 'scopes', 'expires', 'line'],
  revoke: [],
  rotate: ['overlap'],
}
const ofAll: ReadonlyArray<keyof Flags> = ['keysFile', 'config']

const dayMs = 86_400_000
const longestMs = 3650 * dayMs

function actionIn(word: string, id: string | undefined, flags: Flags): KeysAction {
  const kind = (['list', 'create', 'revoke', 'rotate'] as const).find((known) => known === word)
  if (!kind) throw wrongUsage(`keys does not know ${JSON.stringify(word)}`, ['try', 'mcplex keys --help'])
  for (const [flag, owners] of flagOwners)
    if (flags[flag] !== undefined && !owners.includes(kind))
      throw wrongUsage(`--${flag} is of ${owners.join(' and ')}`, ['try', 'mcplex keys --help'])
  if (kind === 'list' || kind === 'create') {
    if (id !== undefined) throw wrongUsage(`${kind} takes no id`, ['try', 'mcplex keys --help'])
    return kind === 'list' ? { kind, all: flags.all === true } : creation(flags)
  }
  if (id === undefined) throw wrongUsage(`${kind} needs the id of a key`, ['try', 'mcplex keys, to see the ids'])
  return kind === 'revoke' ? { kind, id } : { kind, id, overlapMs: overlapIn(flags.overlap) }
}

const flagOwners: ReadonlyArray<readonly [flag: keyof Flags, owners: readonly KeysAction['kind'][]]> = (
  ['tenant', 'subject', 'name', 'scopes', 'expires', 'line', 'overlap', 'all'] as const
).map((flag) => [
  flag,
  (['list', 'create', 'revoke', 'rotate'] as const).filter((kind) => [...flagsOf[kind], ...ofAll].includes(flag)),
])

function creation({ tenant, subject, name, scopes, expires, line }: Flags): KeysAction {
  const checked = (what: KeyText, text: string | undefined): string | undefined => {
    const accepted = text === undefined ? undefined : faultOfKeyText(what, text)
    if (accepted !== undefined) throw wrongUsage(`--${what} is not accepted`, ['accepted', accepted])
    return text
  }
  return {
    kind: 'create',
    tenant: checked('tenant', tenant) ?? defaultTenant,
    subject: checked('subject', subject),
    name: checked('name', name),
    scopes: scopes === undefined ? undefined : scopesIn(scopes),
    expiresAtMs: expires === undefined ? undefined : endIn(expires),
    isLine: line === true,
  }
}

function scopesIn(text: string): readonly string[] {
  const scopes = text.split(/[\s,]+/).filter((word) => word !== '')
  if (scopes.length > 0 && scopes.every(isScope)) return scopes
  throw wrongUsage(`--scopes ${JSON.stringify(text)} has no scopes, or one that is none`, [
    'try',
    '--scopes mcp:tools,mcp:admin',
  ])
}

/** A time that is not here yet: a date, or a duration from now on. */
function endIn(text: string): number {
  const isDate = /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d))?$/.test(text)
  const ms = isDate ? Date.parse(text) : wallMs() + (durationIn(text) ?? Number.NaN)
  if (!(ms > wallMs()) || ms > wallMs() + longestMs)
    throw wrongUsage(`--expires ${text} is no time within the next ten years`, [
      'accepted',
      'a duration (12h, 90d), or a date (2027-01-31, 2027-01-31T12:00:00Z)',
    ])
  return ms
}

function overlapIn(text = '1d'): number {
  const ms = durationIn(text)
  if (ms === undefined || ms < 0 || ms > longestMs)
    throw wrongUsage(`--overlap ${text} is not a duration`, ['try', '--overlap 7d'])
  return ms
}

/** As everywhere, and in days. */
function durationIn(text: string): number | undefined {
  const days = /^(\d{1,4})d$/.exec(text)?.[1]
  return days === undefined ? readDuration(text) : Number(days) * dayMs
}
