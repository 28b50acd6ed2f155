/**
 * Results of a server of one era in the form of the other, beyond the members that every result has: lists of tools and
 * results of tools. Pure; the caller knows the eras and calls this only if they differ.
 * [2025-11-25 tools; 2026-07-28 tools]
 */
import { knownContent } from './content-downgrades.ts'
import { mapElements, objectMember, replaceMember } from '../json-edit.ts'
import { editObject, isObject, memberText, type RawObject } from '../json-text.ts'
import { objectRoot, plainProperties, wrapper } from './output-schema.ts'
import { hasStructuredContent } from '../revisions.ts'

/** The result of a stateless server for a client with a session, in the form of its revision. */
export function resultForSession(method: string, result: RawObject, version: string): RawObject {
  if (method === 'tools/list') return mapElements(result, 'tools', (tool) => toolForSession(tool, version))
  const fitting = method === 'tools/call' ? structuredForSession(result, version) : result
  return knownContent(method, fitting, version)
}

/** The result of a session-based server for a client of the stateless revision. */
export function resultForRequest(method: string, result: RawObject): RawObject {
  // A session-based server does not mean the `resultType` of the stateless era.
  const plain = 'resultType' in result.value ? editObject(result, { resultType: undefined }) : result
  if (method === 'tools/list') return mapElements(plain, 'tools', toolForRequest)
  // Clients with sessions read missing content as an empty list; stateless clients require the list.
  return method === 'tools/call' && plain.value['content'] === undefined ? editObject(plain, { content: [] }) : plain
}

function toolForRequest(tool: RawObject): RawObject {
  return 'execution' in tool.value ? editObject(tool, { execution: undefined }) : tool
}

/** A tool in the form for clients with sessions; also for the tools of sampling, which have the same form. */
export function toolForSession(tool: RawObject, version: string): RawObject {
  let fitting = tool
  const input = objectMember(tool, 'inputSchema')
  const plain = input && plainProperties(input)
  if (plain && plain !== input) fitting = replaceMember(fitting, 'inputSchema', plain.value, plain.text)
  if (!('outputSchema' in tool.value)) return fitting
  const output = hasStructuredContent(version) ? objectMember(tool, 'outputSchema') : undefined
  if (!output) return editObject(fitting, { outputSchema: undefined })
  const rooted = plainProperties(objectRoot(output))
  return rooted === output ? fitting : replaceMember(fitting, 'outputSchema', rooted.value, rooted.text)
}

/** Structured content for a client with a session: wrapped if it is not an object, and as text for clients that know no other form. */
export function structuredForSession(result: RawObject, version: string): RawObject {
  if (!('structuredContent' in result.value)) return result
  const isKnown = hasStructuredContent(version)
  const structured = result.value['structuredContent'] ?? null
  if (isKnown && isObject(structured)) return result
  const text = memberText(result.text, 'structuredContent') ?? 'null'
  const { content } = result.value
  const isEmpty = !Array.isArray(content) || content.length === 0
  const shown = isEmpty ? editObject(result, { content: [{ type: 'text', text }] }) : result
  if (!isKnown) return editObject(shown, { structuredContent: undefined })
  return replaceMember(shown, 'structuredContent', { [wrapper]: structured }, `{"${wrapper}":${text}}`)
}
