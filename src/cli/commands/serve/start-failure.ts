/** Explains to the user why the MCP server did not start: the command, its output, and what to try. */
import type { SecretValues } from '../../../base/secret-values.ts'
import { terminalSafe } from '../../../base/terminal-safe.ts'
import type { Settings } from '../../../config/settings.ts'
import { CommandStartError, UpstreamsStartError, UpstreamStartError } from '../../../gateway/gateway.ts'
import { withheldVariables } from '../../../config/withheld-variables.ts'
import { CommandFailed, type Failure } from '../../failures.ts'
import { quoteWords } from '../../shell-words.ts'

type ServerSetup = Extract<Settings['upstreams'][string], { readonly kind: 'stdio' }>

type Note = readonly [label: string, text: string]

type Environment = Readonly<Record<string, string | undefined>>

/** The most names shown; the first ones matter most. */
const mostNames = 12

export interface StartFailureNeeds {
  readonly settings: Settings
  /** Our environment. */
  readonly env: Environment
  readonly secretValues: SecretValues
  /** Whether the servers stand in a file, and not on the command line. */
  readonly isOfFile: boolean
}

/** The failures, one for each server, for an error of `gateway.start()`, without secret values; undefined for other errors. */
export function startFailureToShow(error: unknown, needs: StartFailureNeeds): CommandFailed | undefined {
  if (!(error instanceof UpstreamStartError)) return undefined
  const [only = ''] = Object.keys(needs.settings.upstreams)
  if (!(error instanceof UpstreamsStartError)) return new CommandFailed([failureOf(error, only, '', needs)])
  return new CommandFailed(
    error.failures.map(({ upstream, error: own }) => failureOf(own, upstream, `${upstream}: `, needs)),
  )
}

function failureOf(error: UpstreamStartError, name: string, before: string, needs: StartFailureNeeds): Failure {
  const { settings, secretValues } = needs
  const setup = settings.upstreams[name]
  const notes = error instanceof CommandStartError && setup?.kind === 'stdio' ? notesOf(error, setup, needs) : []
  return {
    code: 'upstream_start',
    message: secretValues.mask(`${before}${error.message}`),
    notes: notes.map(([label, text]): Note => [label, secretValues.mask(text)]),
  }
}

function notesOf(error: CommandStartError, upstream: ServerSetup, { env, isOfFile }: StartFailureNeeds): Note[] {
  const notes: Note[] = [['command', error.command]]
  if (error.exit !== undefined) notes.push(['ended', error.exit])
  if (error.stderr.trim() !== '') notes.push(['stderr', terminalSafe(error.stderr)])
  if (error.stdout.trim() !== '') notes.push(['stdout', terminalSafe(error.stdout)])
  return [
    ...notes,
    ...remedies(error, upstream, isOfFile),
    ...heldBackNotes(withheldVariables(env, upstream.env), isOfFile),
  ]
}

/** Servers often need variables that are set here, such as proxies, but their error messages do not say so. */
function heldBackNotes(names: readonly string[], isOfFile: boolean): Note[] {
  const [first] = names
  if (first === undefined) return []
  const more = names.length > mostNames ? ` and ${names.length - mostNames} more` : ''
  return [
    ['held back', `${names.slice(0, mostNames).join(', ')}${more}: set here, and not handed over to the server`],
    [
      'or',
      isOfFile ? `${inFile(first)} at this server in the file, to hand it over` : `--env ${first}, to hand it over`,
    ],
  ]
}

/** How a file hands over a variable. */
function inFile(name: string): string {
  return `env: { ${name}: "\${${name}}" }`
}

function remedies({ exit, late }: CommandStartError, { command, cwd }: ServerSetup, isOfFile: boolean): Note[] {
  switch (exit) {
    case 'ENOENT': {
      const ways: Note[] = [['try', `command -v ${quoteWords([command])}`]]
      if (cwd !== undefined) ways.push(['or', `ls ${quoteWords([cwd])}`])
      const folder = cwd === undefined ? '' : `; does the directory of ${isOfFile ? 'cwd' : '--cwd'} exist?`
      return [...ways, ['note', `is it installed, and in a directory of PATH?${folder}`]]
    }
    case 'EACCES':
      return [
        ['try', `chmod +x ${quoteWords([command])}`],
        ['note', 'the file may not be run by this user'],
      ]
    case undefined: {
      const itself = 'the command by itself: a server on stdio waits silently for input'
      if (!late) return [['try', `${itself}, and writes nothing to stdout but its answers`]]
      return [
        ['try', `${itself}; one that listens on a port is another kind`],
        [
          'or',
          `${isOfFile ? 'startTimeout: 5m' : 'MCPLEX_UPSTREAM__START_TIMEOUT=5m'}, if it has much to download or to load first`,
        ],
      ]
    }
    default:
      return [
        ['try', 'the command by itself, to see all that it says'],
        [
          'or',
          `${isOfFile ? inFile('NAME') : '--env NAME'}, if it needs a variable: only PATH, HOME and the like are handed over unasked`,
        ],
      ]
  }
}
