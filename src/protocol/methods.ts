/** The methods that the specification defines, of all revisions: what may be told of a client's word without showing it. */

const knownMethods: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'server/discover',
  'tools/list',
  'tools/call',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'completion/complete',
  'logging/setLevel',
  'subscriptions/listen',
  'tasks/get',
  'tasks/update',
  'tasks/cancel',
  'tasks/result',
  'tasks/list',
])

/** Stands for a name that a client made up, or that nobody has told us. */
export const unknownName = 'unknown'

/** The method if there is such a one; else a fixed word, so that a client can write nothing of its own into a log. */
export function knownMethod(method: string): string {
  return knownMethods.has(method) ? method : unknownName
}
