/**
 * Client capabilities as a profile (the part that may change what a server announces, in a form that can be a key), and
 * the capabilities of either side in the form for the other era.
 */
import type { ClientDescription } from './call.ts'
import { isObject, type JsonObject, type JsonValue, type RawObject, rawObject } from './json-text.ts'
import { hasAudio, hasStructuredContent, hasUrlElicitation, tasksExtension } from './revisions.ts'

/** Whether the capabilities of a server, of either era, have a feature of a kind: `offers(all, 'tools', 'listChanged')`. */
export function offers(capabilities: JsonObject, kind: string, feature: string): boolean {
  const capability = capabilities[kind]
  return isObject(capability) && capability[feature] === true
}

/** At most so many extensions are part of a profile; otherwise clients could create any number of profiles. */
const maxExtensions = 8

/**
 * The capabilities reduced to those that the specification defines, in a fixed order: equal text means equal profile, and
 * the number of profiles is bounded, whatever clients declare.
 */
export function profileOf(capabilities: JsonObject): RawObject {
  const profile: Record<string, JsonObject> = {}
  const elicitation = capabilities['elicitation']
  if (isObject(elicitation)) profile['elicitation'] = pick(elicitation, ['form', 'url'])
  const roots = capabilities['roots']
  if (isObject(roots)) profile['roots'] = roots['listChanged'] === true ? { listChanged: true } : {}
  const sampling = capabilities['sampling']
  if (isObject(sampling)) profile['sampling'] = pick(sampling, ['context', 'tools'])
  const tasks = capabilities['tasks']
  if (isObject(tasks)) profile['tasks'] = tasksOf(tasks)
  const extensions = capabilities['extensions']
  if (isObject(extensions)) {
    const known: Record<string, JsonObject> = {}
    for (const name of Object.keys(extensions).sort().slice(0, maxExtensions)) {
      const settings = extensions[name]
      known[name] = isObject(settings) ? settings : {}
    }
    profile['extensions'] = known
  }
  return rawObject(profile)
}

/**
 * A profile without its extensions, and of tasks only which server requests the client can run as tasks. There are 375 such profiles (elicitation 5, roots 3, sampling 5, tasks 5), 75 of them without tasks.
 * @param profile as `profileOf` makes it
 */
export function profileWithoutExtensions(profile: RawObject): RawObject {
  const { extensions, tasks, ...rest } = profile.value
  if (tasks === undefined) return extensions === undefined ? profile : rawObject(rest)
  const requests = isObject(tasks) && isObject(tasks['requests']) ? tasks['requests'] : {}
  const { sampling, elicitation } = requests
  const asked: Record<string, JsonObject> = {}
  if (isObject(sampling) && 'createMessage' in sampling) asked['sampling'] = { createMessage: {} }
  if (isObject(elicitation) && 'create' in elicitation) asked['elicitation'] = { create: {} }
  return rawObject({ ...rest, tasks: { list: {}, cancel: {}, requests: asked } })
}

/**
 * A client's capabilities for a server of the other era: those that both eras have and the client's revision knows, so that
 * the server never requests input that this client cannot understand. Tasks and notifications about roots are left out,
 * because the other era does not have them or has them in another form.
 * @param mayAsk whether input requests of the server reach this client
 */
export function acrossEras(client: ClientDescription, mayAsk: boolean): RawObject {
  const { elicitation, roots, sampling, extensions } = client.capabilities
  const { version } = client
  const known: Record<string, JsonObject> = {}
  if (mayAsk && isObject(elicitation) && hasStructuredContent(version)) {
    known['elicitation'] = hasUrlElicitation(version) ? elicitation : {}
  }
  if (mayAsk && isObject(roots)) known['roots'] = {}
  if (mayAsk && isObject(sampling)) known['sampling'] = hasUrlElicitation(version) ? sampling : {}
  const passed = withoutTasks(extensions)
  if (passed) known['extensions'] = passed
  return profileOf(known)
}

function withoutTasks(extensions: JsonValue | undefined): JsonObject | undefined {
  if (!isObject(extensions)) return undefined
  const { [tasksExtension]: _, ...rest } = extensions
  return Object.keys(rest).length > 0 ? rest : undefined
}

/** A stateless server's capabilities for a client with a session: extensions only if the client declared some itself. */
export function offeredToSession(capabilities: JsonObject, client: ClientDescription): JsonObject {
  const { extensions, completions, ...rest } = capabilities
  const passed = isObject(client.capabilities['extensions']) ? withoutTasks(extensions) : undefined
  return {
    ...rest,
    ...(completions !== undefined && hasAudio(client.version) && { completions }),
    ...(passed && { extensions: passed }),
  }
}

/** A session-based server's capabilities for a stateless client, without tasks, which work differently there. */
export function offeredToRequest(capabilities: JsonObject): JsonObject {
  const { tasks: _, extensions, ...rest } = capabilities
  const passed = withoutTasks(extensions)
  return passed ? { ...rest, extensions: passed } : rest
}

/** The capabilities without those that allow input requests. */
export function withoutInputRequests(capabilities: JsonObject): RawObject {
  const rest: Record<string, unknown> = { ...capabilities }
  for (const key of ['elicitation', 'roots', 'sampling', 'tasks']) delete rest[key]
  return profileOf(rest as JsonObject)
}

/** Whether these capabilities allow a server to send input requests. */
export function mayBeAsked(capabilities: JsonObject): boolean {
  return ['elicitation', 'roots', 'sampling'].some((kind) => isObject(capabilities[kind]))
}

function tasksOf(tasks: JsonObject): JsonObject {
  const { requests } = tasks
  const known: Record<string, JsonObject> = pick(tasks, ['list', 'cancel'])
  if (!isObject(requests)) return known
  const asked: Record<string, JsonObject> = {}
  const { sampling, elicitation } = requests
  if (isObject(sampling)) asked['sampling'] = pick(sampling, ['createMessage'])
  if (isObject(elicitation)) asked['elicitation'] = pick(elicitation, ['create'])
  return { ...known, requests: asked }
}

function pick(from: JsonObject, keys: readonly string[]): Record<string, JsonObject> {
  const picked: Record<string, JsonObject> = {}
  for (const key of keys) if (isObject(from[key])) picked[key] = {}
  return picked
}
