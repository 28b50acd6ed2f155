/**
 * Which call and which module the code that runs belongs to. The storage is found through the global object: the
 * copy of mcplex that a module imports need not be the copy that runs the module.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { SharedResources } from '../shared-resources/shared-resources.ts'
import type { ToolCall } from './tool-call.ts'

/** What code of a module runs in. */
export interface CallScope {
  /** Undefined where a server object is made, and in handlers of notifications. */
  readonly call: ToolCall | undefined
  /** What the module shares among its sessions. */
  readonly resources: SharedResources
  /** Code of the module has failed outside of what its SDK catches. @param what for the log, such as `it called process.exit(1)` */
  failed(what: string, error: unknown): void
}

const name = Symbol.for('mcplex.call-scope.1')

/** The storage of scopes; code of mcplex that a module calls runs without one (`outside`). */
export function callScopes(): AsyncLocalStorage<CallScope | undefined> {
  const holder = globalThis as { [name]?: AsyncLocalStorage<CallScope | undefined> }
  return (holder[name] ??= new AsyncLocalStorage())
}

/** Runs code of mcplex that a module has called: what it starts belongs to no module, and its faults are not blamed on one. */
export function outside<Value>(run: () => Value): Value {
  return callScopes().run(undefined, run)
}
