/** How much of the memory that this process may use it does use. */
import { totalmem } from 'node:os'
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'

const mebibyte = 1024 ** 2

/** Spaces for young objects, which have a limit of their own, and one that is always as full. */
const otherSpaces: ReadonlySet<string> = new Set(['new_space', 'new_large_object_space', 'read_only_space'])

/** Memory that this process may use, in bytes: that of the machine, or the limit of its container. */
export function memoryLimit(): number {
  const total = totalmem()
  // Zero, or more than all memory, if no limit is set.
  const limit = process.constrainedMemory()
  return limit > 0 && limit < total ? limit : total
}

/** The part in use, 0 to 1: of the heap, or of the memory limit, whichever is more. */
export function memoryInUse(): number {
  return Math.max(heapInUse(), process.memoryUsage.rss() / memoryLimit())
}

/** The part of the heap that is in use, as far as it ends the process when it is full: that of objects that are kept. */
function heapInUse(): number {
  let used = 0
  for (const { space_name: name, space_used_size: size } of getHeapSpaceStatistics())
    if (!otherSpaces.has(name)) used += size
  return (
    used /
    (keptLimit([process.execArgv.join(' '), process.env['NODE_OPTIONS'] ?? '']) ?? getHeapStatistics().heap_size_limit)
  )
}

/**
 * The limit of the heap that an option of Node sets, in bytes; undefined if none does. The limit that V8 tells is 48 MiB
 * higher then, for young objects: a small heap would be full before it counts as three quarters full.
 * @param options texts of options: one in an earlier text wins, or the last one of a text
 */
export function keptLimit(options: readonly string[]): number | undefined {
  for (const option of options) {
    const last = [...option.matchAll(/--max[-_]old[-_]space[-_]size[=\s]\s*"?(\d+)/g)].at(-1)?.[1]
    if (last !== undefined && Number(last) > 0) return Number(last) * mebibyte
  }
  return undefined
}
