/** The verb `serve`: one server, told by the command line and the environment. */
import { load } from '../../../config/load.ts'
import type { Environment } from '../../../config/environment.ts'
import type { Outputs } from '../../outputs.ts'
import type { Done } from '../../progress-notices.ts'
import { lineWith } from '../../typed-line.ts'
import type { ServeRequest } from './command.ts'
import { serveLoaded } from './serve-loaded.ts'

export interface Invocation {
  /** The command line, from the verb on. */
  readonly typed: readonly string[]
  /** Removes the notice of the start, if one is shown. */
  readonly starting: Done | undefined
}

/**
 * Serves until a signal or a key stops us.
 * @returns the exit code
 * @throws CommandFailed, ConfigError, or the error of a bug; all workers have ended then
 */
export async function serve(
  request: ServeRequest,
  machine: Environment,
  outputs: Outputs,
  { typed, starting }: Invocation,
): Promise<number> {
  const dashes = typed.indexOf('--')
  const own = dashes < 0 ? request.command.length : typed.length - dashes
  const serving = {
    loaded: load(request, machine),
    output: request,
    lineWith: (port: number): string => lineWith(typed, own, { long: 'port', short: 'p' }, String(port)),
    lineWithAdmin: (address: string): string => lineWith(typed, own, { long: 'admin' }, address),
    starting,
  }
  return serveLoaded(serving, machine, outputs)
}
