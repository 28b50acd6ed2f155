/** The resources that a module shares among its sessions, as `mcplex/tools` finds them: the port. */
import type { Limited, LimitedOptions } from './limited-options.ts'
import type { Lock, LockOptions } from './lock-options.ts'
import type { PoolOptions, SharedPool } from './pool-options.ts'

/** Each name stands for one resource of the module, made with the options of its first use. */
export interface SharedResources {
  /** Throws a `TypeError` if the resource exists with other options. */
  limited(name: string, options: LimitedOptions): Limited
  /** Throws a `TypeError` if the lock exists with other options. @param target a name, or the absolute path of a file */
  lock(target: string, options: LockOptions): Lock
  /** Throws a `TypeError` if the pool exists with other options; of functions, those of the first use count. */
  pool(name: string, options: PoolOptions<unknown>): SharedPool<unknown>
}
