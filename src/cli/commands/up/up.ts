/** The verb `up`: serves all servers of a file. */
import { type FilesStamp, stampFiles } from '../../../base/watch-files.ts'
import type { Environment } from '../../../config/environment.ts'
import { loadFile } from '../../../config/file/load-file.ts'
import { findFile, isPassedFile, openFile } from '../../../config/file/open-file.ts'
import type { Outputs } from '../../outputs.ts'
import { lineWith } from '../../typed-line.ts'
import type { ReloadSource } from '../serve/reloading.ts'
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
  const source = fileSource(request, machine)
  const serving = {
    loaded: source.read(),
    output: request,
    lineWith: (port: number): string => lineWith(typed, 0, { long: 'port', short: 'p' }, String(port)),
    lineWithAdmin: (address: string): string => lineWith(typed, 0, { long: 'admin' }, address),
    starting: undefined,
    source,
    watch: request.watch,
  }
  return serveLoaded(serving, machine, outputs)
}

/** Reads the file, and the files of secrets that it names. */
function fileSource({ file, flags }: UpRequest, machine: Environment): ReloadSource {
  const folder = process.cwd()
  const path = findFile(file, folder)
  let files: FilesStamp = new Map()
  return {
    path: isPassedFile(path) ? undefined : path,
    read() {
      const before = stampFiles([path])
      const source = openFile(path, folder, machine.env)
      try {
        return loadFile(source, flags, machine)
      } finally {
        files = new Map([...before, ...stampFiles([...(source.secretFiles ?? [])])])
      }
    },
    files: () => [...files.keys()],
    stamp: () => files,
  }
}
