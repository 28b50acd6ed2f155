/** The methods of the specification. */

/** The lists of the protocol, and the capability under which a server announces each. */
export const capabilityOf: Readonly<Record<string, string>> = {
  'tools/list': 'tools',
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resources',
}

/** Those of any revision: only these are shown in logs and metrics. */
export const knownMethods: ReadonlySet<string> = new Set([
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

/** Notifications of clients, of any revision, that are for a server. */
const clientNotifications: ReadonlySet<string> = new Set([
  'notifications/progress',
  'notifications/roots/list_changed',
  'notifications/tasks/status',
])

/** Whether the specification defines a notification of clients. */
export function isClientNotification(method: string): boolean {
  return clientNotifications.has(method)
}

/** Stands for a name that a client made up, or that no server has listed. */
export const unknownName = 'unknown'

/** The method if the specification defines it, else `unknown`, so that a client cannot write its own text into a log. */
export function knownMethod(method: string): string {
  return knownMethods.has(method) ? method : unknownName
}

/** Requests that say for which server they are, by what they name. */
const namesTarget: ReadonlySet<string> = new Set([
  'tools/call',
  'prompts/get',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'completion/complete',
  'tasks/get',
  'tasks/update',
  'tasks/cancel',
  'tasks/result',
])

/** Whether a request has one server do something, unlike a handshake or a list; a method of an extension may. */
export function isOfServer(method: string): boolean {
  return namesTarget.has(method) || !knownMethods.has(method)
}

/** Requests about a task that has begun: they begin no work of their own. */
export const taskFollowUps: ReadonlySet<string> = new Set(['tasks/get', 'tasks/result', 'tasks/update', 'tasks/cancel'])
