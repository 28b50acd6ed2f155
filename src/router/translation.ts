/**
 * What a member sends, with the names and URIs for clients. Pure: edits by splice, so that everything else keeps its
 * text; an object without any name or URI is returned itself. What a server says in its own words (structured content,
 * text, log lines) is left alone.
 * [2025-11-25 and 2026-07-28 tools, prompts, resources; SEP-1865, Apps; SEP-2640, Skills; SEP-2663, Tasks]
 */
import { mapElements, objectMember, replaceMember } from '../protocol/json-edit.ts'
import { isObject, type JsonValue, type RawObject } from '../protocol/json-text.ts'
import { relatedTask } from '../protocol/task-only-tools.ts'
import type { Naming } from './naming.ts'

/** Where tools and results name the page of an MCP App: the nested key, the older flat one, and that of one host. */
const appKeys = ['ui/resourceUri', 'openai/outputTemplate']

/** Changes one object; returns its argument for no change. */
type Edit = (raw: RawObject) => RawObject

/** Turns what one member sends into what clients see. */
export interface Translation {
  /** An entry of a list, by the method that lists it. */
  entry(method: string, entry: RawObject): RawObject
  result(method: string, result: RawObject): RawObject
  /** The error of a server: it may name the resource that was not found. */
  error(error: RawObject): RawObject
  /** The params of a notification, or of a request of the server. */
  params(method: string, params: RawObject): RawObject
}

export function createTranslation(member: string, { names, uris, tasks }: Naming): Translation {
  const text =
    (key: string, change: (own: string) => string): Edit =>
    (raw) => {
      const own = raw.value[key]
      if (typeof own !== 'string') return raw
      const shown = change(own)
      return shown === own ? raw : replaceMember(raw, key, shown, JSON.stringify(shown))
    }
  const name = text('name', (own) => names.shown(member, own))
  const uri = text('uri', (own) => uris.shown(member, own))
  const uriTemplate = text('uriTemplate', (own) => uris.shown(member, own))
  const taskId = text('taskId', (own) => tasks.shown(member, own))
  const uriIn = (key: string): Edit => text(key, (own) => uris.shown(member, own))
  const appUris = appKeys.map(uriIn)
  const resourceUri = uriIn('resourceUri')

  const metaEdits = [nested('ui', resourceUri), nested(relatedTask, taskId), ...appUris]
  const meta = nested('_meta', (raw) => all(raw, metaEdits))
  const located: Edit = (raw) => all(raw, [uri, meta])
  const resource = nested('resource', located)
  const block: Edit = (raw) => {
    switch (raw.value['type']) {
      case 'resource_link':
        return located(raw)
      case 'resource':
        return all(raw, [resource, meta])
      case 'tool_result':
        return blocks(raw)
      default:
        return raw
    }
  }
  /** The content of a message or result: one block, or several. */
  const blocks: Edit = (raw) => {
    const { content } = raw.value
    if (isObject(content)) return holdsUri(content) ? nested('content', block)(raw) : raw
    return Array.isArray(content) && content.some(holdsUri) ? mapElements(raw, 'content', block) : raw
  }
  const messages: Edit = (raw) => mapElements(raw, 'messages', blocks)
  const toolResultEdits = [blocks, taskId, nested('task', taskId), meta]
  const toolResult: Edit = (raw) => all(raw, toolResultEdits)
  const skill: Edit = (raw) => mapElements(located(raw), 'resources', uri)
  const task: Edit = (raw) => all(raw, [taskId, nested('result', blocks), meta])
  const named: Edit = (raw) => all(raw, [name, meta])

  const entries: Readonly<Record<string, Edit>> = {
    'tools/list': named,
    'prompts/list': named,
    'resources/list': located,
    'resources/templates/list': (raw) => all(raw, [uriTemplate, meta]),
    'skills/list': skill,
  }
  const results: Readonly<Record<string, Edit>> = {
    'tools/call': toolResult,
    'prompts/get': messages,
    'resources/read': (raw) => all(mapElements(raw, 'contents', located), [meta]),
    'resources/directory/read': (raw) => mapElements(raw, 'resources', located),
    'skills/get': nested('skill', skill),
    'tasks/get': task,
    'tasks/result': toolResult,
    'tasks/cancel': task,
    'tasks/update': task,
  }
  const sent: Readonly<Record<string, Edit>> = {
    'notifications/resources/updated': located,
    'notifications/tasks': task,
    'notifications/tasks/status': task,
    'sampling/createMessage': (raw) => all(raw, [messages, meta]),
  }
  const edit = (table: Readonly<Record<string, Edit>>, method: string, raw: RawObject): RawObject => {
    const found = Object.hasOwn(table, method) ? table[method] : undefined
    return found ? found(raw) : meta(raw)
  }

  return {
    entry: (method, entry) => edit(entries, method, entry),
    result: (method, result) => edit(results, method, result),
    error: nested('data', uri),
    params: (method, params) => edit(sent, method, params),
  }
}

function all(raw: RawObject, edits: readonly Edit[]): RawObject {
  let changed = raw
  for (const edit of edits) changed = edit(changed)
  return changed
}

/** The edit of an object that is a member of another. */
function nested(key: string, edit: Edit): Edit {
  return (raw) => {
    // The value first: to find the text costs a walk through the whole object.
    const own = isObject(raw.value[key]) ? objectMember(raw, key) : undefined
    const changed = own && edit(own)
    return changed === undefined || changed === own ? raw : replaceMember(raw, key, changed.value, changed.text)
  }
}

/** Whether a block of content may hold a URI. */
function holdsUri(block: JsonValue): boolean {
  const type = isObject(block) ? block['type'] : undefined
  return type === 'resource_link' || type === 'resource' || type === 'tool_result'
}
