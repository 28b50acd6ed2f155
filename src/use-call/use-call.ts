/**
 * What a handler of an in-process server uses to reach its own caller.
 *
 *   import { useCall } from 'mcplex/tools'
 *
 *   server.registerTool('visits', { ... }, async () => {
 *     const { session } = useCall<{ visits: number }>()
 *     const visits = await session?.update('visits', (before = 0) => before + 1)
 *     ...
 *   })
 */
import { callScopes } from './call-scope.ts'
import type { AnyState, ToolCall } from './tool-call.ts'

/**
 * The call that the running handler works on, also after an `await` and in functions that the handler calls. Throws an
 * `Error` anywhere else: at the top of a module, in its factory, or in a server that mcplex has not loaded as a module.
 */
export function useCall<State extends object = AnyState>(): ToolCall<State> {
  const call = callScopes().getStore()?.call
  // The type is the claim of the author: what a session keeps here was stored by the same module.
  if (call) return call as unknown as ToolCall<State>
  throw new Error(
    'useCall() was called outside of a handler. Call it within a handler (of a tool, a list, a resource or a prompt) of a server that mcplex runs from a module.',
  )
}
