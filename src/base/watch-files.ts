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
  /** Called for each change, one at a time. Changes meanwhile are told by the next call. */
  readonly changed: () => void | Promise<void>
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
    if (now === before) return
    for (let count = 0; settleMs > 0 && count < mostSettling; count++) {
      await pause(clock, settleMs)
      const later = await stamp(paths())
      if (later === now) break
      now = later
    }
    known = Promise.resolve(now)
    if (isStopped) return
    const watched = paths().join('\n')
    await changed()
    // Files that were not watched before are no change.
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

/** A text that changes whenever one of the files does, also when a link gets another target. */
async function stamp(paths: readonly string[]): Promise<string> {
  const one = async (path: string): Promise<string> => {
    try {
      const { mtimeMs, size, ino } = await stat(path)
      return `${mtimeMs} ${size} ${ino}`
    } catch {
      return 'none'
    }
  }
  return (await Promise.all(paths.map(one))).join(', ')
}
