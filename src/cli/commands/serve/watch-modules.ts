/**
 * Replaces upstreams that are modules when their files change, for `--watch`. A module that cannot be loaded changes
 * nothing, and the log says what is wrong with it.
 */
import { resolve } from 'node:path'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { type FilesStamp, stampFiles, watchFiles } from '../../../base/watch-files.ts'
import type { Settings } from '../../../config/settings.ts'
import { type Gateway, ReloadError } from '../../../gateway/gateway.ts'

export interface WatchModulesNeeds {
  readonly gateway: Pick<Gateway<Settings>, 'replaceUpstreams'>
  /** The settings in force, at each look. */
  readonly settings: () => Settings
  /** What the files were like before they were loaded: see `stampModules`. */
  readonly since: FilesStamp
  readonly clock: Clock
  readonly log: Log
}

const lookEveryMs = 500
const settleMs = 100

/** What the files of the modules are like, to be taken before they are loaded. */
export const stampModules = (settings: Settings): FilesStamp => stampFiles(modulesIn(settings).map(({ file }) => file))

/** @returns a function that stops it */
export function watchModules({ gateway, settings, since, clock, log }: WatchModulesNeeds): () => void {
  const files = (): string[] => [...new Set(modulesIn(settings()).map(({ file }) => file))]
  const watched = files()
  if (watched.length > 0) log.info({ files: watched }, 'watching the files of modules')
  else log.warn({}, 'no server is a module from a file: --watch has nothing to watch')

  const replace = async (name: string, file: string): Promise<void> => {
    try {
      await gateway.replaceUpstreams([name])
    } catch (error) {
      // The file has changed once more, or mcplex is ending.
      if (error instanceof ReloadError && (error.isReplaced || error.isClosing)) return
      // Of a failed start, its cause says more, and where that was thrown says nothing about the module.
      const cause = error instanceof ReloadError && error.cause instanceof Error ? error.cause : undefined
      const why = cause ? { 'err.message': cause.message } : { err: error }
      log.error({ upstream: name, file, ...why }, 'the module was not replaced: the one before stays in place')
    }
  }

  return watchFiles(
    {
      paths: files,
      since,
      everyMs: lookEveryMs,
      settleMs,
      changed(paths) {
        const modules = modulesIn(settings()).filter(({ file }) => paths.includes(file))
        log.info({ files: paths }, 'the file of a module has changed')
        // Each by itself, and without a wait: what is wrong with one must keep back neither the others nor the next change.
        for (const { name, file } of modules) void replace(name, file)
      },
    },
    clock,
  )
}

function modulesIn({ upstreams }: Settings): ReadonlyArray<{ readonly name: string; readonly file: string }> {
  return Object.entries(upstreams).flatMap(([name, setup]) =>
    setup.kind === 'module' && typeof setup.module === 'string' ? [{ name, file: resolve(setup.module) }] : [],
  )
}
