/** The file that a call is explained by: its settings, and where each value of them is from. */
import { resolve } from 'node:path'
import type { Environment } from '../../../config/environment.ts'
import { itemPlaces } from '../../../config/file/item-places.ts'
import { loadFile } from '../../../config/file/load-file.ts'
import { findFile, openFile } from '../../../config/file/open-file.ts'
import { resolvedValues } from '../../../config/file/resolved.ts'
import { ConfigError } from '../../../config/problem.ts'
import type { Settings } from '../../../config/settings.ts'
import type { DoorWish } from '../../door.ts'
import { runningInstances } from '../../running-instances.ts'

export interface ExplainedFile {
  /** As it is shown. */
  readonly name: string
  readonly settings: Settings
  /**
   * Where a value is from: a line of the file, a variable, or `default`; undefined if the file has no such option.
   * @param text one of several: a pattern, or the pattern of a rate
   */
  origin(option: string, text: string | undefined): string | undefined
}

/** The path of the file that is meant; undefined if none is, so that an instance must be asked. */
export function usedFile({ file, pid, admin }: DoorWish, env: Environment['env']): string | undefined {
  const folder = process.cwd()
  if (admin !== undefined) return undefined
  if (pid !== undefined) return runningInstances(env).find((one) => one.pid === pid)?.config
  if (file !== undefined) return resolve(folder, file)
  try {
    return findFile(undefined, folder)
  } catch (error) {
    // Without a file in this folder, one that an instance serves may be meant.
    if (!(error instanceof ConfigError)) throw error
    const running = runningInstances(env)
    if (running.length === 0) throw error
    return undefined
  }
}

/** @throws ConfigError */
export function readExplainedFile(path: string, machine: Environment): ExplainedFile {
  const source = openFile(path, process.cwd(), machine.env)
  const loaded = loadFile(source, new Map(), machine)
  const origins = new Map(resolvedValues(loaded).map((one) => [one.path, one.origin]))
  let placeOfItem: ReturnType<typeof itemPlaces> | undefined
  return {
    name: source.file,
    settings: loaded.settings,
    origin(option, text) {
      const whole = origins.get(option)
      const names = option.split('.')
      // A tenant itself is named in the file, and has no value of its own.
      if (whole === undefined) {
        const [parent = '', name] = names
        placeOfItem ??= itemPlaces(source)
        return name === undefined ? undefined : placeOfItem([parent], name)
      }
      if (text === undefined || !whole.startsWith(source.file)) return whole
      placeOfItem ??= itemPlaces(source)
      const [parent = '', , ...rest] = names
      return placeOfItem(names, text) ?? placeOfItem([parent, 'default', ...rest], text) ?? whole
    },
  }
}
