/**
 * Content blocks for clients of older revisions: such a client refuses a whole result because of one block of a type that it
 * does not know. Unknown members do no harm, so they stay.
 * [2024-11-05 and 2025-03-26 tools, tool result; prompts, messages]
 */
import { mapElements, objectMember, replaceMember } from '../json-edit.ts'
import { isObject, type JsonValue, type RawObject, rawObject } from '../json-text.ts'
import { hasAudio, hasStructuredContent } from '../revisions.ts'

/** The result of a tool or a prompt with only blocks that the client knows; the same object if nothing changes. */
export function knownContent(method: string, result: RawObject, version: string): RawObject {
  if (hasStructuredContent(version)) return result
  const { content, messages } = result.value
  if (method === 'tools/call') {
    return isLater(content, version) ? mapElements(result, 'content', (block) => known(block, version)) : result
  }
  const areLater =
    Array.isArray(messages) && messages.some((one) => isObject(one) && isLater([one['content'] ?? null], version))
  if (method !== 'prompts/get' || !areLater) return result
  return mapElements(result, 'messages', (message) => {
    const block = objectMember(message, 'content')
    const fitting = block && known(block, version)
    return block === fitting || !fitting ? message : replaceMember(message, 'content', fitting.value, fitting.text)
  })
}

/** Whether any block is of a type that the client's revision does not have. */
function isLater(blocks: JsonValue | undefined, version: string): boolean {
  if (!Array.isArray(blocks)) return false
  return blocks.some((block) => {
    const type = isObject(block) ? block['type'] : undefined
    return type === 'resource_link' || (type === 'audio' && !hasAudio(version))
  })
}

function known(block: RawObject, version: string): RawObject {
  if (block.value['type'] === 'resource_link') return linkAsText(block)
  return hasAudio(version) ? block : withoutAudio(block)
}

/** A resource link as text, with its name and URI. */
function linkAsText({ value }: RawObject): RawObject {
  const { title, name, uri, description, annotations } = value
  const label = typeof title === 'string' ? title : name
  const text = [label, uri, description].filter((part) => typeof part === 'string').join('\n')
  return rawObject({ type: 'text', text, annotations })
}

/** An audio block as a text that says what is missing; any other block unchanged. */
export function withoutAudio(block: RawObject): RawObject {
  const { type, mimeType, annotations } = block.value
  if (type !== 'audio') return block
  const kind = typeof mimeType === 'string' ? `, ${mimeType}` : ''
  return rawObject({
    type: 'text',
    text: `[audio${kind}: left out, the client's protocol revision has no audio]`,
    annotations,
  })
}
