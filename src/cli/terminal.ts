/** What the terminal allows: colours, and reading keys. Pure, so that tests can pass values. */

interface Stream {
  readonly isTTY?: boolean
}

type Environment = Readonly<Record<string, string | undefined>>

/** Whether to colour what is written to a stream. */
export function wantsColor(env: Environment, stream: Stream, isOff: boolean): boolean {
  if (isOff || (env['NO_COLOR'] ?? '') !== '') return false
  if ((env['FORCE_COLOR'] ?? '') !== '') return env['FORCE_COLOR'] !== '0'
  return stream.isTTY === true && env['TERM'] !== 'dumb'
}

/** Whether a user is watching: only then may we choose another port or read keys. */
export function isInteractive(env: Environment, stream: Stream): boolean {
  return stream.isTTY === true && (env['CI'] ?? '') === ''
}

/** Whether a status line may be redrawn in place. */
export function mayAnimate(env: Environment, stream: Stream): boolean {
  return isInteractive(env, stream) && env['TERM'] !== 'dumb'
}
