/**
 * `mcplex/tools`: what a handler of an in-process server uses to reach its own caller, and to share what there is one of.
 *
 *   import { limited, lock, pool, useCall, writeFileAtomic } from 'mcplex/tools'
 */
export { useCall } from './use-call/use-call.ts'
export type {
  AnyState,
  ElicitParams,
  ElicitResult,
  PastCall,
  ToolCall,
  ToolClient,
  ToolSession,
} from './use-call/tool-call.ts'
export { limited } from './shared-resources/limited.ts'
export type { Limited, LimitedAttempt, LimitedOptions, LimitedRunOptions } from './shared-resources/limited-options.ts'
export { lock } from './shared-resources/lock.ts'
export type { HeldLock, Lock, LockOptions, LockRunOptions } from './shared-resources/lock-options.ts'
export { pool } from './shared-resources/pool.ts'
export type { PoolOptions, PoolRunOptions, SharedPool } from './shared-resources/pool-options.ts'
export { writeFileAtomic, type WriteFileAtomicOptions } from './shared-resources/write-file-atomic.ts'
export type { ResourceError, ResourceErrorCode } from './shared-resources/resource-error.ts'
