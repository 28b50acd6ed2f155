/** The error of a start after which no upstream serves. */
import { CommandStartError } from '../upstreams/stdio/command-start-error.ts'
import { UpstreamStartError } from '../upstreams/upstream.ts'

/** None of several upstreams could be started. */
export class UpstreamsStartError extends UpstreamStartError {
  /** Each upstream with its error, in the order of the settings. */
  readonly failures: ReadonlyArray<{ readonly upstream: string; readonly error: UpstreamStartError }>

  constructor(failures: UpstreamsStartError['failures']) {
    const all = failures.map(({ upstream, error }) => `${upstream}: ${error.message}`)
    super(`no server could be started: ${all.join('; ')}`, { late: failures.every(({ error }) => error.late) })
    this.name = 'UpstreamsStartError'
    this.failures = failures
  }
}

/**
 * The error for the errors of all upstreams: that of the only one, or one with all of them. An error that is no
 * `UpstreamStartError` is a bug, and comes first.
 */
export function startErrorOf(names: readonly string[], errors: readonly unknown[]): unknown {
  const failures = errors.flatMap((error, at) =>
    error instanceof UpstreamStartError ? [{ upstream: names[at] ?? '', error }] : [],
  )
  if (failures.length < errors.length) return errors.find((error) => !(error instanceof UpstreamStartError))
  return failures.length === 1 ? failures[0]?.error : new UpstreamsStartError(failures)
}

/** Why a server could not be started, in one line. */
export function inShort(reason: unknown): string {
  if (reason instanceof CommandStartError) {
    const { message, exit, command } = reason
    return `${message}${exit === undefined ? '' : ` (${exit})`}: ${command}`
  }
  return reason instanceof Error ? reason.message : String(reason)
}
