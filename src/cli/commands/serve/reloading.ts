/**
 * Reads the settings again while requests are served: when the file changes, upon SIGHUP without a terminal, and when
 * `mcplex reload` asks for it. A file that is not right changes nothing, and the log says what is wrong with it.
 */
import { isDeepStrictEqual } from 'node:util'
import { type Clock, wallMs } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import type { SecretValues } from '../../../base/secret-values.ts'
import { type FilesStamp, watchFiles } from '../../../base/watch-files.ts'
import { reloadedAdminKeys } from '../../../config/admin-options.ts'
import { ConfigError } from '../../../config/problem.ts'
import type { Loaded } from '../../../config/load.ts'
import { schema } from '../../../config/schema.ts'
import type { Settings } from '../../../config/settings.ts'
import { type Gateway, ReloadError } from '../../../gateway/gateway.ts'
import { boundedResult, type ReloadChange, type ReloadResult } from '../../../admin/reload-result.ts'
import type { RunningInstance } from '../../running-instances.ts'
import { changeOf, isNothing, linesOf } from './reload-change.ts'

/** Where settings are read from, again and again. */
export interface ReloadSource {
  /** The path of the file; undefined if it can be read only once. */
  readonly path: string | undefined
  /** @throws ConfigError */
  read(): Loaded
  /** The files that the settings came from at the last reading. */
  files(): readonly string[]
  /** What these files were like just before the last reading. */
  stamp(): FilesStamp
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
  /** Settings are in force. */
  readonly took: (now: Loaded) => void
  /** Told of each beginning and each result, but for those that a newer reload has replaced. */
  readonly told: (what: Pick<RunningInstance, 'reload' | 'reloads'>) => void
}

export interface Reloading {
  /** Reads the settings again. @param because why, for the log @returns the number of that reload; undefined if it cannot */
  request(because: string): number | undefined
  /** How many have begun, and the result of the last one that has ended and was not replaced by a newer one. */
  results(): { readonly begun: number; readonly last: ReloadResult | undefined }
  /** The settings in force. */
  settings(): Settings
  stop(): void
}

const lookEveryMs = 1000
const settleMs = 200

/** How many readings ago a value may still be in the log: servers that were started with it may be ending. */
const maxReadings = 8

export function startReloading(needs: ReloadingNeeds): Reloading {
  const { source, gateway, loaded, secretValues, clock, log, took, told } = needs
  let current = loaded
  let reloads = 0
  let lastResult: Pick<RunningInstance, 'reload'> = {}
  /** The last reload that has changed anything. */
  let lastChange: { readonly change: ReloadChange; readonly because: string; readonly at: string } | undefined
  const readings = [loaded]

  const read = (): Loaded => {
    const reading = source.read()
    readings.push(reading)
    if (readings.length > maxReadings) readings.shift()
    secretValues.replace([current, ...readings].flatMap((one) => one.secretValues))
    return reading
  }

  /** What a reload has changed; nothing new: what the last one has, which is in force because of the same content. */
  const resultOf = (found: ReloadChange, because: string): Pick<ReloadResult, 'lines' | 'change' | 'earlier'> => {
    if (!isNothing(found)) lastChange = { change: found, because, at: new Date(wallMs()).toISOString() }
    else if (lastChange) {
      const { change: before, ...earlier } = lastChange
      const change = { ...before, needsRestart: found.needsRestart }
      const since = `nothing has changed since ${earlier.at}, when it was applied because ${earlier.because}:`
      return { change, earlier, lines: [since, ...linesOf(change)] }
    }
    const lines = linesOf(found)
    return { change: found, lines: lines.length === 0 ? ['nothing has changed'] : lines }
  }

  const reload = async (because: string): Promise<void> => {
    const number = ++reloads
    const done = (result: Omit<ReloadResult, 'number'>): void => {
      lastResult = { reload: boundedResult({ number, ...result }) }
      told({ reloads, ...lastResult })
    }
    log.info({ because, file: source.path }, 'reading the configuration again')
    told({ reloads, ...lastResult })
    const notes: string[] = []
    try {
      const next = read()
      for (const one of next.warnings) log.warn({ code: one.code, where: one.where }, one.message)
      for (const one of next.missing) log.error({ code: one.code, where: one.where }, one.message)
      notes.push(
        ...next.warnings.map(({ where, message }) => `${where}  warning: ${message}`),
        ...next.missing.map(({ where, message }) => `${where}  error: ${message}`),
      )
      const report = await gateway.reload(next.settings)
      // What differs from the start, so that it is told until the restart, and no more if it is taken back.
      const needsRestart = [...report.needsRestart, ...ofCommand(loaded, next)].map(pathOf)
      if (needsRestart.length > 0) log.warn({ needs_restart: needsRestart }, 'some changes need a restart')
      const before = current
      current = next
      took(next)
      const found = changeOf(report, needsRestart, before, next)
      for (const one of found.renamed) log.warn({ ...one }, 'the tools of an upstream have other names now')
      const result = resultOf(found, because)
      done({ applied: true, ...result, lines: [...notes, ...result.lines] })
    } catch (error) {
      if (error instanceof ReloadError && error.isReplaced)
        return log.info({ because }, 'the configuration was not applied: it was replaced by a newer one')
      if (error instanceof ReloadError && error.isClosing) {
        log.info({ because }, 'the configuration was not applied: mcplex is ending')
        return done({ applied: false, lines: [...notes, error.message] })
      }
      const lines = [...notes, ...explain(error, log)].map((line) => secretValues.mask(line))
      log.error({ file: source.path }, 'the configuration was not applied: the one before stays in force')
      done({ applied: false, lines })
    }
  }

  // During a reload as well: a server that hangs at its start must not keep back the file that corrects it.
  const request = (because: string): number | undefined => {
    if (source.path === undefined) {
      log.warn({ because }, 'the configuration came from a pipe, and cannot be read again')
      return undefined
    }
    void reload(because)
    return reloads
  }

  const changed = (): void => void request('the file has changed')
  const stop = watchFiles(
    { paths: () => source.files(), since: source.stamp(), everyMs: lookEveryMs, settleMs, changed },
    clock,
  )
  const results = (): ReturnType<Reloading['results']> => ({ begun: reloads, last: lastResult.reload })
  return { request, results, settings: () => current.settings, stop }
}

/** The path in a file of an option that is `module.key` in settings. */
function pathOf(name: string): string {
  return schema.find(({ module, key }) => `${module}.${key}` === name)?.path ?? name
}

/** Options of the command alone that differ: they are read at the start. */
function ofCommand(atStart: Loaded, next: Loaded): string[] {
  return (['log', 'clients', 'admin'] as const).flatMap((module) => {
    const before = new Map<string, unknown>(Object.entries(atStart[module]))
    const changed = Object.entries(next[module]).filter(
      ([key, value]) =>
        !(module === 'admin' && reloadedAdminKeys.has(key)) && !isDeepStrictEqual(before.get(key), value),
    )
    return changed.map(([key]) => `${module}.${key}`)
  })
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
