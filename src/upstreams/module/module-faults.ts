/**
 * Keeps this process running when code of a module fails outside of what its SDK catches, in a timer for example, or calls
 * `process.exit`: the server object that the code belongs to is ended instead, and named. What is of no module is left to
 * the program, as if there were no guard.
 */
import { type CallScope, callScopes, outside } from '../../use-call/call-scope.ts'

interface Guard {
  users: number
  readonly remove: () => void
}

const name = Symbol.for('mcplex.process-guard.1')

/** Errors that a guard has dealt with: other listeners of `uncaughtException` leave them alone. */
const handledName = Symbol.for('mcplex.handled-errors.1')

/** Guards this process until the returned function is called. One guard serves all gateways of the process. */
export function guardProcess(): () => void {
  const holder = globalThis as { [name]?: Guard | undefined }
  const guard = (holder[name] ??= { users: 0, remove: addGuard() })
  guard.users++
  let isReleased = false
  return () => {
    if (isReleased) return
    isReleased = true
    if (--guard.users > 0) return
    guard.remove()
    holder[name] = undefined
  }
}

/**
 * Whether an uncaught error was of a module, and was dealt with. For listeners of `uncaughtException` and
 * `unhandledRejection`, which run in the scope of the error.
 */
export function isOfModule(error: unknown): boolean {
  return canBeKept(error) ? handledErrors().has(error) : callScopes().getStore() !== undefined
}

/** A text, a number or nothing may be thrown as well; it has no identity. */
function canBeKept(error: unknown): error is object {
  return (typeof error === 'object' && error !== null) || typeof error === 'function'
}

function handledErrors(): WeakSet<object> {
  const holder = globalThis as { [handledName]?: WeakSet<object> }
  return (holder[handledName] ??= new WeakSet())
}

function addGuard(): () => void {
  const scopes = callScopes()
  const failed = (scope: CallScope, what: string, error: unknown): void => {
    if (canBeKept(error)) handledErrors().add(error)
    // Outside of the scope: a bug of ours in here must not be blamed on the module, again and again.
    outside(() => scope.failed(what, error))
  }
  /** What `process.exit` has thrown: dealt with there, if nothing catches it. */
  const exits = new WeakSet<object>()
  const uncaught = (error: Error): void => {
    const scope = scopes.getStore()
    if (canBeKept(error) && exits.has(error)) return
    if (scope) return failed(scope, 'an error in it was not caught', error)
    // Without this listener the process would end with this error.
    if (process.listenerCount('uncaughtException') === 1) throw error
  }
  const rejected = (reason: unknown, promise: Promise<unknown>): void => {
    const scope = scopes.getStore()
    if (canBeKept(reason) && exits.has(reason)) return
    if (scope) return failed(scope, 'a rejection in it was not handled', reason)
    if (process.listenerCount('unhandledRejection') > 1) return
    // As without this listener: the rejection is an uncaught exception.
    void promise.catch(() => {})
    throw reason
  }
  const exit = process.exit.bind(process)
  const guardedExit = (code?: number | string | null): never => {
    const scope = scopes.getStore()
    if (!scope) return exit(code)
    const error = new Error(`process.exit(${code ?? ''}) does not end mcplex`)
    exits.add(error)
    failed(scope, `it called process.exit(${code ?? ''})`, error)
    throw error
  }
  process.prependListener('uncaughtException', uncaught)
  process.prependListener('unhandledRejection', rejected)
  process.exit = guardedExit
  return () => {
    process.off('uncaughtException', uncaught)
    process.off('unhandledRejection', rejected)
    if (process.exit === guardedExit) process.exit = exit
  }
}
