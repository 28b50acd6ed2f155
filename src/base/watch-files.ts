/**
 * Watches files for changes by looking at them again and again. Unlike notices of the system this works for files that are
 * replaced, behind links that get another target, on network drives and in containers.
 */
import { type Stats, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { type Clock, pause } from './clock.ts'

/** What files were like at a point in time: for each path a text that changes whenever the file does, or who may use it. */
export type FilesStamp = ReadonlyMap<string, string>

export interface WatchedFiles {
  /** The paths, at each look: they may change. */
  readonly paths: () => readonly string[]
  readonly everyMs: number
  /** What the files were like before they were read, so that no change since then is missed; without it, as they are now. */
  readonly since?: FilesStamp
  /** How long the files must stay the same before a change is told, so that none is read half written; 0 for not at all. */
  readonly settleMs: number
  /**
   * Called for each change, one at a time. Changes meanwhile are told by the next call.
   * @param paths those of the files that have changed
   */
  readonly changed: (paths: readonly string[]) => void | Promise<void>
}

/** The most that a change waits for the files to stay the same, in units of `settleMs`. */
const mostSettling = 20

/** @returns a function that stops it; what runs already is not interrupted */
export function watchFiles({ paths, everyMs, since, settleMs, changed }: WatchedFiles, clock: Clock): () => void {
  let known = Promise.resolve(since ?? stampFiles(paths()))
  let isLooking = false
  let isStopped = false

  async function look(): Promise<void> {
    const before = await known
    let now = await stamp(paths())
    for (let count = 0; settleMs > 0 && count < mostSettling && differing(before, now).length > 0; count++) {
      await pause(clock, settleMs)
      const later = await stamp(paths())
      if (differing(now, later).length === 0) break
      now = later
    }
    known = Promise.resolve(now)
    const different = differing(before, now)
    if (isStopped || different.length === 0) return
    await changed(different)
    const added = paths().filter((path) => !now.has(path))
    if (added.length > 0) known = Promise.resolve(new Map([...now, ...stampFiles(added)]))
  }

  const timer = clock.every(everyMs, () => {
    if (isLooking) return
    isLooking = true
    void look().finally(() => (isLooking = false))
  })
  return () => {
    isStopped = true
    timer.stop()
  }
}

/** What the files are like now, links followed. */
export function stampFiles(paths: readonly string[]): FilesStamp {
  const statsOf = (path: string): Stats | undefined => {
    try {
      return statSync(path)
    } catch {
      return undefined
    }
  }
  return new Map(paths.map((path) => [path, stampOf(statsOf(path))]))
}

async function stamp(paths: readonly string[]): Promise<FilesStamp> {
  const statsOf = (path: string): Promise<Stats | undefined> => stat(path).catch(() => undefined)
  return new Map(await Promise.all(paths.map(async (path) => [path, stampOf(await statsOf(path))] as const)))
}

function stampOf(stats: Stats | undefined): string {
  return stats ? `${stats.mtimeMs} ${stats.size} ${stats.ino} ${stats.mode} ${stats.uid}` : 'none'
}

/** The paths of the files that differ. Those that were not watched before are no change. */
function differing(before: FilesStamp, now: FilesStamp): string[] {
  return [...now.keys()].filter((path) => before.has(path) && now.get(path) !== before.get(path))
}
