/**
 * Scans all processes of the machine for those that carry a mark of ours.
 *
 * Promises: one scan serves all requests made before it begins, so that a thousand workers that end at once cost a few
 * scans; scans take at most a quarter of the time; files are read off the event loop; a file that blocks or cannot be
 * read delays a scan by two seconds at most and never makes it fail.
 */
import { closeSync, open, read, readdir } from 'node:fs'
import { promisify } from 'node:util'
import { type Clock, pause } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { type KnownProcess, statOf } from '../../base/proc-stat.ts'
import type { Marks } from './worker-mark.ts'

/** The result of a scan, by the number of the worker. */
export interface MarkedProcesses {
  readonly marked: ReadonlyMap<number, readonly KnownProcess[]>
  /** Workers with a process that was seen and had ended a moment later: it may have started another. */
  readonly vanished: ReadonlySet<number>
}

export interface MarkScan {
  /** The marked processes, by a scan that begins after this call. */
  next(): Promise<MarkedProcesses>
  /** The number of scans so far. */
  readonly scans: number
}

export interface MarkScanNeeds {
  readonly marks: Marks
  readonly clock: Clock
  readonly log: Log
  /** The folder of the processes; other than /proc in tests. */
  readonly folder?: string
}

/** The pause after a scan: at least `pauseMs`, and `pauseShare` times as long as the scan took. */
const pauseMs = 20
const pauseShare = 3
/** Bounds a pause in case the clock was set back. */
const maxPauseMs = 500
/** Files read at once: Node has four threads for files, of which one stays free for other work. */
const maxReaders = 3
/** A file that takes longer is skipped, by later scans as well until it was read. */
const blockedMs = 1000
const chunkBytes = 64 * 1024
/** Larger environments are not read to their end. */
const maxBytes = 8 * 1024 * 1024

const openFile = promisify(open)
const readChunk = promisify(read)
const list = promisify(readdir)

interface Found {
  readonly marked: Map<number, KnownProcess[]>
  readonly vanished: Set<number>
}

/** Reads one file after the other. */
interface Reader {
  /** The process whose file is being read; undefined at the end. */
  at: string | undefined
  /** Files read so far. */
  count: number
}

export function createMarkScan({ marks, clock, log, folder = '/proc' }: MarkScanNeeds): MarkScan {
  /** Processes whose file is still being read by an abandoned reader. */
  const blocked = new Set<string>()
  let scans = 0
  let current: Promise<unknown> = Promise.resolve()
  let upcoming: Promise<MarkedProcesses> | undefined
  let pauseUntilMs = 0

  const begin = async (): Promise<MarkedProcesses> => {
    await current
    const waitMs = Math.min(pauseUntilMs - clock.now(), maxPauseMs)
    if (waitMs > 0) await pause(clock, waitMs)
    // A call from now on needs another scan: this one may have passed the process already.
    upcoming = undefined
    scans++
    const startedMs = clock.now()
    const scanning = scan()
    current = scanning
    const found = await scanning
    const now = clock.now()
    pauseUntilMs = now + Math.max(pauseMs, pauseShare * (now - startedMs))
    return found
  }

  const scan = async (): Promise<MarkedProcesses> => {
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
      // Read the mark again: this shows that the id was not reused between the two reads.
      const isMarked = known && !known.hasEnded && (await workerOf(name, buffer)) === worker
      if (blocked.delete(name)) return
      if (worker === undefined) continue
      if (isMarked) marked.set(worker, [...(marked.get(worker) ?? []), known])
      else vanished.add(worker)
    }
    reader.at = undefined
  }

  /** Resolves when all readers are done, or no reader has made progress for a while. */
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
      // Most fit into the first chunk; no byte is read twice.
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
    get scans() {
      return scans
    },
  }
}
