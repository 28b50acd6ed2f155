/** Blocks of content for clients of revisions that did not have them yet. */
import { type RawObject, rawObject } from './json-text.ts'

/** Sound as a note that says what is missing. [2024-11-05 has text, image and resource] */
export function withoutAudio(block: RawObject): RawObject {
  if (block.value['type'] !== 'audio') return block
  const type = block.value['mimeType']
  return rawObject({
    type: 'text',
    text: `[audio${typeof type === 'string' ? `, ${type}` : ''}: this client's protocol revision has no audio]`,
  })
}
