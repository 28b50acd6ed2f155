/** `lock` of `mcplex/tools`. */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Lock, type LockOptions, lockSettings } from './lock-options.ts'
import { resourcesHere } from './resources-here.ts'

/**
 * A lock that one task has at a time, of all sessions of the module. A path (it begins with `/`, `./` or `../`, or is a
 * `file:` URL) is locked for other modules, threads and processes as well. Make it at the top of the module, and use it in
 * handlers.
 *
 *   const journal = lock('./journal.json', { ttl: 10_000 })
 *   await journal.run(async ({ signal }) => writeFileAtomic('./journal.json', text, { signal }))
 *
 * Throws a `TypeError` if an option is wrong; `run` throws one if the target is used with other options elsewhere.
 */
export function lock(target: string | URL, options: LockOptions = {}): Lock {
  const key = typeof target === 'string' ? (isPath(target) ? resolve(target) : target) : fileURLToPath(target)
  const resource = `lock(${JSON.stringify(key)})`
  lockSettings(resource, options, isPath(key))
  const own = { ...options }
  return {
    async run(task, runOptions) {
      return resourcesHere(resource).lock(key, own).run(task, runOptions)
    },
  }
}

/** Whether a target is the path of a file. */
export function isPath(target: string): boolean {
  return /^(\.{0,2}[\\/]|[a-z]:[\\/])/i.test(target)
}
