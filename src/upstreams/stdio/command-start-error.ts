/** Why a command did not start, or did not speak MCP on its standard output. */
import { maskCommand } from '../../base/mask-command.ts'
import type { UpstreamSettings } from '../options.ts'
import type { FailedStart } from '../pooled/server-program.ts'
import { UpstreamStartError } from '../upstream.ts'
import type { StdioSettings } from './options.ts'

/** Its details are for the operator and never sent to clients. */
export class CommandStartError extends UpstreamStartError {
  /** The command line; secrets in it are masked. */
  readonly command: string
  /** How the process ended, or why it could not be started, such as `ENOENT`; undefined if it did not end by itself. */
  readonly exit: string | undefined
  readonly stderr: string
  /** Lines on stdout that are no messages. */
  readonly stdout: string

  constructor(
    message: string,
    details: {
      readonly command: string
      readonly exit?: string
      readonly late?: boolean
      readonly stderr: string
      readonly stdout?: string
    },
  ) {
    super(message, { late: details.late === true })
    this.name = 'CommandStartError'
    this.command = details.command
    this.exit = details.exit
    this.stderr = details.stderr
    this.stdout = details.stdout ?? ''
  }
}

/** The error for a command from whose processes no handshake was answered. */
export function commandStartError(
  settings: Pick<UpstreamSettings & StdioSettings, 'command' | 'args' | 'startTimeoutMs'>,
  { exit, late, words }: FailedStart,
): CommandStartError {
  const command = maskCommand([settings.command, ...settings.args]).join(' ')
  const { stderr = '', stdout = '' } = exit ?? {}
  if (exit?.error !== undefined)
    return new CommandStartError('the command could not be started', { command, exit: exit.error, stderr, stdout })
  if (exit && !exit.expected) {
    const how = exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`
    const what = words === undefined ? 'ended before it answered' : `ended: ${words}`
    return new CommandStartError(`the command ${what}`, { command, exit: how, stderr, stdout })
  }
  const isLate = late && words === undefined
  const what = isLate
    ? `the command did not answer initialize within ${settings.startTimeoutMs / 1000} s`
    : 'the command answered, but not as an MCP server does on its standard output'
  const whole = words === undefined ? what : `${what}: ${words}`
  return new CommandStartError(whole, { command, late: isLate, stderr, stdout })
}
