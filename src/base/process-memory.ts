/** How much of the memory that this process may use it does use. */
import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'

/** Memory that this process may use, in bytes: that of the machine, or the limit of its container. */
export function memoryLimit(): number {
  const total = totalmem()
  // Zero, or more than all memory, if no limit is set.
  const limit = process.constrainedMemory()
  return limit > 0 && limit < total ? limit : total
}

/** The part in use, 0 to 1: of the heap, or of the memory limit, whichever is more. */
export function memoryInUse(): number {
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics()
  return Math.max(used / limit, process.memoryUsage.rss() / memoryLimit())
}
