/** Finds the resources of the module whose code runs. */
import { callScopes } from '../use-call/call-scope.ts'
import type { SharedResources } from './shared-resources.ts'

/** Throws an `Error` where no module of mcplex runs. @param resource for the message, such as `limited("weather")` */
export function resourcesHere(resource: string): SharedResources {
  const resources = callScopes().getStore()?.resources
  if (resources) return resources
  throw new Error(
    `${resource} was used outside of a module. Use it in a server that mcplex runs from a module, such as in the handler of a tool.`,
  )
}
