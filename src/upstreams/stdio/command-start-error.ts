/** Why a command did not start, or did not speak MCP on its standard output. */
import { UpstreamStartError } from '../upstream.ts'

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
