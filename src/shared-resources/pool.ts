/** `pool` of `mcplex/tools`. */
import { type PoolOptions, poolSettings, type SharedPool } from './pool-options.ts'
import { resourcesHere } from './resources-here.ts'

/**
 * A pool of what is expensive to make and must not be many, such as connections to a database: one for all sessions of the
 * module. Make it at the top of the module, and use it in handlers.
 *
 *   const database = pool('database', { create: connect, destroy: (client) => client.end(), max: 5 })
 *   const rows = await database.run((client) => client.query('select 1'))
 *
 * Throws a `TypeError` if an option is wrong; `run` throws one if the name is used with other options elsewhere.
 */
export function pool<Resource>(name: string, options: PoolOptions<Resource>): SharedPool<Resource> {
  const resource = `pool(${JSON.stringify(name)})`
  poolSettings(resource, options)
  // What `create` of the author makes is what the author's other functions get.
  const own: PoolOptions<unknown> = { ...options }
  return {
    async run(task, runOptions) {
      const shared = resourcesHere(resource).pool(name, own) as SharedPool<Resource>
      return shared.run(task, runOptions)
    },
  }
}
