/** Client capabilities as a profile: what of them may change what a server announces, in a form that can be a key. */
import { isObject, type JsonObject, type RawObject, rawObject } from './json-text.ts'

/** Extensions that are told apart in profiles; more would let clients make profiles without end. */
const maxExtensions = 8

/**
 * The capabilities reduced to what the specification defines, in a fixed order: equal text means equal profile, and
 * the number of profiles is bounded however odd the declarations of clients are.
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

/** The capabilities without those that let a server ask its client something. */
export function withoutQuestions(capabilities: JsonObject): RawObject {
  const rest: Record<string, unknown> = { ...capabilities }
  for (const key of ['elicitation', 'roots', 'sampling', 'tasks']) delete rest[key]
  return profileOf(rest as JsonObject)
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
