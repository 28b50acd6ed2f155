/** A fault of the text of a file itself. */
import type { ConfigCode } from '../problem.ts'
import type { TextSpan } from './frame.ts'

/** `fault` completes a sentence that begins with what stands there. */
export interface TextFault {
  readonly code: ConfigCode
  readonly span: TextSpan
  readonly fault: string
  readonly accepted?: string | undefined
  /** Ways out, best first. */
  readonly ways?: readonly string[] | undefined
}
