/** All workers of an instance, page by page. */
import type { ApiWorker } from '../../../admin/answers.ts'
import { askDoor, type Door } from '../../door.ts'

const pageSize = 1000

/**
 * @param upstream those of one server; undefined for all
 * @throws CommandFailed if there is no such server, or the instance does not answer
 */
export async function allWorkers(door: Door, upstream: string | undefined): Promise<ApiWorker[]> {
  const found: ApiWorker[] = []
  for (;;) {
    const { total, workers } = await askDoor(door, 'workers', {
      query: { upstream, limit: pageSize, offset: found.length },
    })
    found.push(...workers)
    if (found.length >= total || workers.length === 0) return found
  }
}
