/** The verb `up`: serves all servers of a file. */
import type { Environment } from '../../../config/environment.ts'
import { loadFile } from '../../../config/file/load-file.ts'
import { findFile, openFile } from '../../../config/file/open-file.ts'
import type { Outputs } from '../../outputs.ts'
import { lineWith } from '../../typed-line.ts'
import { serveLoaded } from '../serve/serve-loaded.ts'
import type { UpRequest } from './command.ts'

/**
 * Serves until a signal or a key stops us.
 * @param typed the command line, from the verb on
 * @returns the exit code
 * @throws CommandFailed, ConfigError, or the error of a bug; all workers have ended then
 */
export async function up(
  request: UpRequest,
  machine: Environment,
  outputs: Outputs,
  typed: readonly string[],
): Promise<number> {
  const folder = process.cwd()
  const source = openFile(findFile(request.file, folder), folder, machine.env)
  const loaded = loadFile(source, request.flags, machine)
  const serving = {
    loaded,
    output: request,
    lineWith: (port: number): string => lineWith(typed, 0, { long: 'port', short: 'p' }, String(port)),
    starting: undefined,
    warnings: loaded.warnings,
  }
  return serveLoaded(serving, machine, outputs)
}
