/** What the terminal allows: colours, and asking for keys. Decided from values, so that it can be told to tests. */

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

/** Whether a person is there: only then may we choose for them (another port) or ask for keys. */
export function isInteractive(env: Environment, stream: Stream): boolean {
  return stream.isTTY === true && (env['CI'] ?? '') === ''
}

/** Whether a line may be written anew in its place. */
export function mayAnimate(env: Environment, stream: Stream): boolean {
  return isInteractive(env, stream) && env['TERM'] !== 'dumb'
}
