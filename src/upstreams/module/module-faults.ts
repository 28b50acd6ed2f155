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

/** Whether an uncaught error was of a module, and was dealt with. */
export function isOfModule(error: unknown): boolean {
  return typeof error === 'object' && error !== null && handledErrors().has(error)
}

function handledErrors(): WeakSet<object> {
  const holder = globalThis as { [handledName]?: WeakSet<object> }
  return (holder[handledName] ??= new WeakSet())
}

function addGuard(): () => void {
  const scopes = callScopes()
  const failed = (scope: CallScope, what: string, error: unknown): void => {
    if (typeof error === 'object' && error !== null) handledErrors().add(error)
    // Outside of the scope: a bug of ours in here must not be blamed on the module, again and again.
    outside(() => scope.failed(what, error))
  }
  const uncaught = (error: Error): void => {
    const scope = scopes.getStore()
    if (scope) return failed(scope, 'an error in it was not caught', error)
    // Without this listener the process would end with this error.
    if (process.listenerCount('uncaughtException') === 1) throw error
  }
  const rejected = (reason: unknown, promise: Promise<unknown>): void => {
    const scope = scopes.getStore()
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
    const error = new Error(`process.exit(${code ?? ''}) ends the server object, not mcplex`)
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
