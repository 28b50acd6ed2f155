/** Bounds of tenants that are valid, and probably not enough. Pure. */
import type { Problem } from './problem.ts'
import { type Provided, type ProvidedSettings, spotOf } from './provided.ts'

/** Calls of a tenant that wait for its own workers can fill the line of a server, which refuses those of others then. */
export function tenantBoundWarnings({ tenants = new Map<string, Provided>() }: ProvidedSettings): Problem[] {
  const usual = tenants.get('default')
  return [...tenants].flatMap(([name, own]) => {
    const isSet = (key: string): boolean => {
      const value = (own.get(key) ?? usual?.get(key))?.value
      return typeof value === 'number' && value > 0
    }
    const workers = own.get('maxWorkers')
    if (workers === undefined || !isSet('maxWorkers') || isSet('maxWaiting')) return []
    return [
      {
        code: 'config_value',
        ...spotOf(workers, `tenants.${name}`),
        message: `tenants.${name}.maxWorkers bounds no calls that wait for these workers: they can fill the line of a server`,
        notes: [['try', 'maxWaiting: 100, at most a third of limits.queue.max']],
      },
    ]
  })
}
