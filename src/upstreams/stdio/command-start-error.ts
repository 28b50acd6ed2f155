/** Why a command did not start, or did not speak MCP on its standard output. */
import { maskCommand } from '../../base/mask-command.ts'
import type { UpstreamSettings } from '../options.ts'
import type { FailedStart } from '../pooled/server-program.ts'
import { UpstreamStartError } from '../upstream.ts'
import { noAnswer, startFailure } from '../worker-exit.ts'
import { LimitError } from './limit-error.ts'
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
      /** See `UpstreamStartError`. */
      readonly reason: string
      readonly stderr: string
      readonly stdout?: string
    },
  ) {
    super(message, { late: details.late === true, reason: details.reason })
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
  { exit, late, words, error }: FailedStart,
): CommandStartError {
  const command = maskCommand([settings.command, ...settings.args]).join(' ')
  const { stderr = '', stdout = '' } = exit ?? {}
  const common = { command, stderr, stdout }
  if (error instanceof LimitError)
    return new CommandStartError(`the command was not started: ${error.message}`, {
      ...common,
      reason: 'a limit of its processes cannot be enforced here',
    })
  if (exit?.error !== undefined)
    return new CommandStartError('the command could not be started', {
      ...common,
      exit: exit.error,
      reason: startFailure(exit).detail,
    })
  if (exit && !exit.expected) {
    const how = exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`
    const what = words === undefined ? 'ended before it answered' : `ended: ${words}`
    return new CommandStartError(`the command ${what}`, { ...common, exit: how, reason: startFailure(exit).detail })
  }
  const isLate = late && words === undefined
  const what = isLate
    ? `the command did not answer initialize within ${settings.startTimeoutMs / 1000} s`
    : 'the command answered, but not as an MCP server does on its standard output'
  const whole = words === undefined ? what : `${what}: ${words}`
  const reason = isLate ? noAnswer : 'the program did not answer its handshake as an MCP server does'
  return new CommandStartError(whole, { ...common, late: isLate, reason })
}
