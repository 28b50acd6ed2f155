/**
 * Watches files for changes by looking at them again and again. Unlike notices of the system this works for files that are
 * replaced, behind links that get another target, on network drives and in containers.
 */
import { stat } from 'node:fs/promises'
import { type Clock, pause } from './clock.ts'

export interface WatchedFiles {
  /** The paths, at each look: they may change. */
  readonly paths: () => readonly string[]
  readonly everyMs: number
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
export function watchFiles({ paths, everyMs, settleMs, changed }: WatchedFiles, clock: Clock): () => void {
  let known = stamp(paths())
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
    const watched = paths().join('\n')
    await changed(different)
    if (paths().join('\n') !== watched) known = stamp(paths())
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

/** For each file a text that changes whenever the file does, also when a link gets another target. */
async function stamp(paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const one = async (path: string): Promise<readonly [string, string]> => {
    try {
      const { mtimeMs, size, ino } = await stat(path)
      return [path, `${mtimeMs} ${size} ${ino}`]
    } catch {
      return [path, 'none']
    }
  }
  return new Map(await Promise.all(paths.map(one)))
}

/** The paths of the files that differ. Those that were not watched before are no change. */
function differing(before: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): string[] {
  return [...now.keys()].filter((path) => before.has(path) && now.get(path) !== before.get(path))
}
