/**
 * Looks through all processes of the machine for those that carry a mark of ours.
 *
 * Promises: one look serves all that is asked before it begins, so that a thousand workers that end at once cost a few
 * looks, and looks take at most a quarter of the time; files are read outside of the event loop; a process whose file
 * cannot be read, or blocks, delays a look by two seconds at most and spoils none; no look fails.
 */
import { closeSync, open, read, readdir } from 'node:fs'
import { promisify } from 'node:util'
import { type Clock, pause } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { type KnownProcess, statOf } from '../../base/proc-stat.ts'
import type { Marks } from './worker-mark.ts'

/** What was found, by the number of the worker. */
export interface MarkedProcesses {
  readonly marked: ReadonlyMap<number, readonly KnownProcess[]>
  /** Workers of which one was seen that was gone a moment later: it may have started another. */
  readonly vanished: ReadonlySet<number>
}

export interface MarkScan {
  /** The marked processes that are there after this call. */
  next(): Promise<MarkedProcesses>
  /** How many looks there were. */
  readonly looks: number
}

export interface MarkScanNeeds {
  readonly marks: Marks
  readonly clock: Clock
  readonly log: Log
  /** Where the processes are; for tests. */
  readonly folder?: string
}

/** A pause after each look, at least; and so many times as long as the look took. */
const pauseMs = 20
const pauseShare = 3
/** A clock that was set back must not make a pause last. */
const maxPauseMs = 500
/** So many files are read at once: of the four threads that Node has for files, one is always left to others. */
const maxReaders = 3
/** A file that takes longer is passed over, by later looks as well until it was read. */
const blockedMs = 1000
const chunkBytes = 64 * 1024
/** A larger environment is not read to its end. */
const maxBytes = 8 * 1024 * 1024

const openFile = promisify(open)
const readChunk = promisify(read)
const list = promisify(readdir)

interface Found {
  readonly marked: Map<number, KnownProcess[]>
  readonly vanished: Set<number>
}

/** One that reads file after file. */
interface Reader {
  /** The process whose file it reads; undefined once it is through. */
  at: string | undefined
  /** How many it has read. */
  count: number
}

export function createMarkScan({ marks, clock, log, folder = '/proc' }: MarkScanNeeds): MarkScan {
  /** Processes whose file is still being read by a reader that was given up. */
  const blocked = new Set<string>()
  let looks = 0
  let current: Promise<unknown> = Promise.resolve()
  let upcoming: Promise<MarkedProcesses> | undefined
  let pauseUntilMs = 0

  const begin = async (): Promise<MarkedProcesses> => {
    await current
    const waitMs = Math.min(pauseUntilMs - clock.now(), maxPauseMs)
    if (waitMs > 0) await pause(clock, waitMs)
    // A call from now on needs another look: this one may have passed what the caller asks for.
    upcoming = undefined
    looks++
    const startedMs = clock.now()
    const looking = look()
    current = looking
    const found = await looking
    const now = clock.now()
    pauseUntilMs = now + Math.max(pauseMs, pauseShare * (now - startedMs))
    return found
  }

  const look = async (): Promise<MarkedProcesses> => {
    const found: Found = { marked: new Map(), vanished: new Set() }
    const names = (await list(folder).catch(() => [])).filter((name) => /^\d+$/.test(name) && !blocked.has(name))
    while (names.length > 0 && blocked.size < maxReaders) {
      const readers = Array.from({ length: maxReaders - blocked.size }, (): Reader => ({ at: undefined, count: 0 }))
      const all = Promise.all(readers.map((reader) => readInto(found, names, reader)))
      await untilStuck(all, readers)
      const stuck = readers.flatMap(({ at }) => at ?? [])
      for (const name of stuck) blocked.add(name)
      if (stuck.length > 0)
        log.warn({ pids: stuck.join(' ') }, 'the environment of a process cannot be read: it blocks')
    }
    return found
  }

  const readInto = async ({ marked, vanished }: Found, names: string[], reader: Reader): Promise<void> => {
    const buffer = Buffer.allocUnsafe(chunkBytes)
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      reader.at = name
      reader.count++
      const worker = await workerOf(name, buffer)
      const known = worker === undefined ? undefined : statOf(Number(name))
      // Read once more: only then was it this process, and not another one with its id, that had the mark.
      const isMarked = known && !known.hasEnded && (await workerOf(name, buffer)) === worker
      if (blocked.delete(name)) return
      if (worker === undefined) continue
      if (isMarked) marked.set(worker, [...(marked.get(worker) ?? []), known])
      else vanished.add(worker)
    }
    reader.at = undefined
  }

  /** Until all readers are through, or none has come any further for a while. */
  const untilStuck = async (all: Promise<unknown>, readers: readonly Reader[]): Promise<void> => {
    let before = -1
    let stop = (): void => {}
    const stuck = new Promise<void>((resolve) => {
      const watch = clock.every(blockedMs, () => {
        const count = readers.reduce((sum, reader) => sum + reader.count, 0)
        if (count === before) resolve()
        before = count
      })
      stop = () => watch.stop()
    })
    await Promise.race([all, stuck])
    stop()
  }

  const workerOf = async (name: string, buffer: Buffer): Promise<number | undefined> => {
    let file: number | undefined
    try {
      file = await openFile(`${folder}/${name}/environ`, 'r')
      let text = buffer
      let length = (await readChunk(file, text, 0, text.length, null)).bytesRead
      // Few are larger than that; each chunk is read only once.
      while (length === text.length && length < maxBytes) {
        text = Buffer.concat([text], 2 * length)
        length += (await readChunk(file, text, length, length, null)).bytesRead
      }
      return marks.workerIn(text.subarray(0, length))
    } catch {
      // It has ended, or belongs to another user.
      return undefined
    } finally {
      if (file !== undefined) closeSync(file)
    }
  }

  return {
    next: () => (upcoming ??= begin()),
    get looks() {
      return looks
    },
  }
}
