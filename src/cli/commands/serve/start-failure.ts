/** Explains to the user why the MCP server did not start: the command, its output, and what to try. */
import { maskCommand } from '../../../base/mask-command.ts'
import type { SecretValues } from '../../../base/secret-values.ts'
import { terminalSafe } from '../../../base/terminal-safe.ts'
import type { Settings } from '../../../config/settings.ts'
import { CommandStartError, UpstreamStartError } from '../../../gateway/gateway.ts'
import { withheldVariables } from '../../../config/withheld-variables.ts'
import { CommandFailed } from '../../failures.ts'
import { quoteWords } from '../../shell-words.ts'

type ServerSetup = Extract<Settings['upstreams'][string], { readonly kind: 'stdio' }>

type Note = readonly [label: string, text: string]

type Environment = Readonly<Record<string, string | undefined>>

/** The most names shown; the first ones matter most. */
const mostNames = 12

/** The failure for an error of `gateway.start()`, without secret values; undefined for other errors. */
export function startFailureToShow(
  error: unknown,
  settings: Settings,
  env: Environment,
  secretValues: SecretValues,
): CommandFailed | undefined {
  if (!(error instanceof UpstreamStartError)) return undefined
  const setups = Object.values(settings.upstreams).filter((one) => one.kind === 'stdio')
  const [setup] = error instanceof CommandStartError ? setups.filter((one) => isCommandOf(error, one)) : []
  const notes = error instanceof CommandStartError && setup ? notesOf(error, setup, env) : []
  const shown = notes.map(([label, text]): Note => [label, secretValues.mask(text)])
  return new CommandFailed([{ code: 'upstream_start', message: secretValues.mask(error.message), notes: shown }])
}

/** Whether the error is about the command of these settings. */
function isCommandOf({ command }: CommandStartError, setup: ServerSetup): boolean {
  return maskCommand([setup.command, ...setup.args]).join(' ') === command
}

function notesOf(error: CommandStartError, upstream: ServerSetup, env: Environment): Note[] {
  const notes: Note[] = [['command', error.command]]
  if (error.exit !== undefined) notes.push(['ended', error.exit])
  if (error.stderr.trim() !== '') notes.push(['stderr', terminalSafe(error.stderr)])
  if (error.stdout.trim() !== '') notes.push(['stdout', terminalSafe(error.stdout)])
  return [...notes, ...remedies(error, upstream), ...heldBackNotes(withheldVariables(env, upstream.env))]
}

/** Servers often need variables that are set here, such as proxies, but their error messages do not say so. */
function heldBackNotes(names: readonly string[]): Note[] {
  const [first] = names
  if (first === undefined) return []
  const more = names.length > mostNames ? ` and ${names.length - mostNames} more` : ''
  return [
    ['held back', `${names.slice(0, mostNames).join(', ')}${more}: set here, and not handed over to the server`],
    ['or', `--env ${first}, to hand it over`],
  ]
}

function remedies({ exit, late }: CommandStartError, { command, cwd }: ServerSetup): Note[] {
  switch (exit) {
    case 'ENOENT': {
      const ways: Note[] = [['try', `command -v ${quoteWords([command])}`]]
      if (cwd !== undefined) ways.push(['or', `ls ${quoteWords([cwd])}`])
      const folder = cwd === undefined ? '' : '; does the directory of --cwd exist?'
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
        ['or', 'MCPLEX_UPSTREAM__START_TIMEOUT=5m, if it has much to download or to load first'],
      ]
    }
    default:
      return [
        ['try', 'the command by itself, to see all that it says'],
        ['or', '--env NAME, if it needs a variable: only PATH, HOME and the like are handed over unasked'],
      ]
  }
}
