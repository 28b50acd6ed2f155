/** The two outputs of the command. */
import type { Output } from './output.ts'
import type { StatusLine } from './status-line.ts'

export interface Outputs {
  readonly stdout: Output
  readonly stderr: StatusLine
}
