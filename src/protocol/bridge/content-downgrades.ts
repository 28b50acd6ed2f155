/**
 * Blocks of content for clients of revisions that did not have them yet: their readers take none that they do not
 * know, and refuse the whole answer. Members that they do not know do no harm, so those stay.
 * [2024-11-05 and 2025-03-26 tools, tool result; prompts, messages]
 */
import { mapElements, objectMember, replaceMember } from '../json-edit.ts'
import { isObject, type JsonValue, type RawObject, rawObject } from '../json-text.ts'
import { hasAudio, hasStructuredContent } from '../revisions.ts'

/** The result of a tool or a prompt with blocks that the client knows; the same one if there are no others. */
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

/** Whether any of the blocks came with a later revision than 2024-11-05, or than 2025-03-26 for clients of that. */
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

/** A link with its address, for whoever reads it. */
function linkAsText({ value }: RawObject): RawObject {
  const { title, name, uri, description, annotations } = value
  const label = typeof title === 'string' ? title : name
  const text = [label, uri, description].filter((part) => typeof part === 'string').join('\n')
  return rawObject({ type: 'text', text, annotations })
}

/** Sound as a note that says what is missing; anything else as it is. */
export function withoutAudio(block: RawObject): RawObject {
  const { type, mimeType, annotations } = block.value
  if (type !== 'audio') return block
  const kind = typeof mimeType === 'string' ? `, ${mimeType}` : ''
  return rawObject({
    type: 'text',
    text: `[audio${kind}: left out, the client's protocol revision has none]`,
    annotations,
  })
}
