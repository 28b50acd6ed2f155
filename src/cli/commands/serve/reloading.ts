/**
 * Reads the settings again while requests are served: when the file changes, upon SIGHUP without a terminal, and when
 * `mcplex reload` asks for it. A file that is not right changes nothing, and the log says what is wrong with it.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import type { SecretValues } from '../../../base/secret-values.ts'
import { watchFiles } from '../../../base/watch-files.ts'
import { ConfigError, type Problem } from '../../../config/problem.ts'
import type { Loaded } from '../../../config/load.ts'
import { schema } from '../../../config/schema.ts'
import type { Settings } from '../../../config/settings.ts'
import { type Gateway, ReloadError, type ReloadReport } from '../../../gateway/gateway.ts'
import type { ReloadResult } from '../../running-instances.ts'

/** Settings with what is probably not meant in them. */
export interface Reading {
  readonly loaded: Loaded
  readonly warnings: readonly Problem[]
}

/** Where settings are read from, again and again. */
export interface ReloadSource {
  /** The path of the file; undefined if it can be read only once. */
  readonly path: string | undefined
  /** @throws ConfigError */
  read(): Reading
  /** The files that the settings came from at the last reading. */
  files(): readonly string[]
}

export interface ReloadingNeeds {
  readonly source: ReloadSource
  readonly gateway: Pick<Gateway<Settings>, 'reload'>
  /** The settings in force. */
  readonly loaded: Loaded
  /** What the log does not show: the values of the settings in force, and of those that are tried. */
  readonly secretValues: SecretValues
  readonly clock: Clock
  readonly log: Log
  /** Told of each result. */
  readonly done: (result: ReloadResult) => void
}

export interface Reloading {
  /** Reads the settings again. @param because why, for the log */
  request(because: string): void
  /** The settings in force. */
  settings(): Settings
  stop(): void
}

const lookEveryMs = 1000
const settleMs = 200

/** The most lines of a result. */
const maxLines = 200

export function startReloading(needs: ReloadingNeeds): Reloading {
  const { source, gateway, loaded, secretValues, clock, log, done } = needs
  let current = loaded
  let number = 0
  let running: Promise<void> | undefined
  let isWanted = false

  const reload = async (because: string): Promise<void> => {
    number++
    log.info({ because, file: source.path }, 'reading the configuration again')
    try {
      const { loaded: next, warnings } = source.read()
      secretValues.replace([...current.secretValues, ...next.secretValues])
      for (const one of warnings) log.warn({ code: one.code, where: one.where }, one.message)
      const report = await gateway.reload(next.settings)
      const needsRestart = [...report.needsRestart, ...ofCommand(current, next)].map(pathOf)
      if (needsRestart.length > 0) log.warn({ needs_restart: needsRestart }, 'some changes need a restart')
      current = next
      const lines = [
        ...warnings.map(({ where, message }) => `${where}  warning: ${message}`),
        ...told(report, needsRestart),
      ]
      done({ number, applied: true, lines: lines.slice(0, maxLines) })
    } catch (error) {
      const lines = explain(error, log).map((line) => secretValues.mask(line))
      log.error({ file: source.path }, 'the configuration was not applied: the one before stays in force')
      done({ number, applied: false, lines: lines.slice(0, maxLines) })
    }
  }

  const request = (because: string): void => {
    if (source.path === undefined)
      return log.warn({ because }, 'the configuration came from a pipe, and cannot be read again')
    // A change during a reload needs another one; further ones are the same.
    if (running) return void (isWanted = true)
    running = reload(because).finally(() => {
      running = undefined
      if (!isWanted) return
      isWanted = false
      request(because)
    })
  }

  const changed = (): void => request('the file has changed')
  const stop = watchFiles({ paths: () => source.files(), everyMs: lookEveryMs, settleMs, changed }, clock)
  return { request, settings: () => current.settings, stop }
}

/** The path in a file of an option that is `module.key` in settings. */
function pathOf(name: string): string {
  return schema.find(({ module, key }) => `${module}.${key}` === name)?.path ?? name
}

/** Options of the command alone that differ: they are read at the start. */
function ofCommand(current: Loaded, next: Loaded): string[] {
  return (['log', 'clients', 'admin'] as const).flatMap((module) => {
    const before = new Map<string, unknown>(Object.entries(current[module]))
    const changed = Object.entries(next[module]).filter(([key, value]) => !isDeepStrictEqual(before.get(key), value))
    return changed.map(([key]) => `${module}.${key}`)
  })
}

function told({ added, changed, removed, endpoints }: ReloadReport, needsRestart: readonly string[]): string[] {
  const parts: ReadonlyArray<readonly [string, readonly string[]]> = [
    ['added', [...added, ...endpoints.added.map((name) => `endpoint ${name}`)]],
    ['changed', [...changed, ...endpoints.changed.map((name) => `endpoint ${name}`)]],
    ['removed', [...removed, ...endpoints.removed.map((name) => `endpoint ${name}`)]],
    ['needs a restart', needsRestart],
  ]
  const lines = parts.filter(([, names]) => names.length > 0).map(([what, names]) => `${what}: ${names.join(', ')}`)
  return lines.length === 0 ? ['nothing has changed'] : lines
}

/** Logs why a reload has failed; returns the same in lines for people. */
function explain(error: unknown, log: Log): string[] {
  if (error instanceof ConfigError) {
    for (const { code, where, message } of error.problems) log.error({ code, where }, message)
    return error.problems.flatMap(({ where, code, message, place }) => [
      `${where}  error ${code}   ${message}`,
      ...(place?.frame ?? []),
    ])
  }
  log.error({ err: error }, 'the configuration could not be applied')
  if (!(error instanceof ReloadError)) return ['an unexpected error; the log has the details']
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
  return [`${error.message}${cause}`]
}
