/**
 * Input requests of a stateless server for clients with sessions. Tools of sampling return objects. Before 2025-11-25 a form
 * has no mode and only some kinds of fields, and a message has one block. A request that a revision cannot express becomes
 * undefined. [2025-06-18 elicitation; 2024-11-05 to 2025-11-25 sampling]
 */
import { mapElements, objectElements, objectMember, replaceMember } from '../json-edit.ts'
import { editMembers, editObject, isObject, type JsonObject, type RawObject } from '../json-text.ts'
import { withoutAudio } from './content-downgrades.ts'
import { structuredForSession, toolForSession } from './results.ts'
import { hasAudio } from '../revisions.ts'

/**
 * The params of a form for 2025-06-18. Choices with titles get the form of that revision; a multiple choice is left out if it
 * is optional, because the revision has none. Undefined if a multiple choice is required.
 */
export function formFor(params: RawObject): RawObject | undefined {
  const plain = 'mode' in params.value ? editObject(params, { mode: undefined }) : params
  const schema = objectMember(plain, 'requestedSchema')
  const fields = schema && objectMember(schema, 'properties')
  if (!fields) return plain
  const required = schema.value['required']
  let changed = fields
  for (const name of Object.keys(fields.value)) {
    const field = objectMember(fields, name)
    if (field?.value['type'] === 'array') {
      if (Array.isArray(required) && required.includes(name)) return undefined
      changed = editObject(changed, { [name]: undefined })
    } else if (Array.isArray(field?.value['oneOf'])) {
      const choice = titledChoice(field, field.value['oneOf'])
      changed = replaceMember(changed, name, choice.value, choice.text)
    }
  }
  if (changed === fields) return plain
  const text = editMembers(schema.text, { properties: changed.text })
  return replaceMember(plain, 'requestedSchema', { ...schema.value, properties: changed.value }, text)
}

/** A choice with values and titles in two lists. [2025-06-18 elicitation, EnumSchema] */
function titledChoice(field: RawObject, choices: readonly unknown[]): RawObject {
  const known = choices.filter(
    (choice): choice is JsonObject => isObject(choice) && typeof choice['const'] === 'string',
  )
  return editObject(field, {
    oneOf: undefined,
    enum: known.map((choice) => choice['const'] ?? ''),
    enumNames: known.map((choice) => choice['title'] ?? choice['const'] ?? ''),
  })
}

/** The params of sampling for 2025-11-25: with tools, whose schemas and results are objects. */
export function toolsFor(params: RawObject, version: string): RawObject {
  const fitting = mapElements(params, 'tools', (tool) => toolForSession(tool, version))
  const block = (one: RawObject): RawObject =>
    one.value['type'] === 'tool_result' ? structuredForSession(one, version) : one
  return mapElements(fitting, 'messages', (message) => {
    const single = objectMember(message, 'content')
    const changed = single && block(single)
    if (changed === single || !changed) return mapElements(message, 'content', block)
    return replaceMember(message, 'content', changed.value, changed.text)
  })
}

/** The params of sampling with one content block in each message. Undefined if they need tools, which these revisions do not have. */
export function messagesFor(params: RawObject, version: string): RawObject | undefined {
  if ('tools' in params.value || 'toolChoice' in params.value) return undefined
  let expressible = true
  const split = mapElements(params, 'messages', (message) => {
    const { content } = message.value
    const blocks = Array.isArray(content)
      ? (objectElements(message, 'content') ?? [])
      : [objectMember(message, 'content')]
    const messages: RawObject[] = []
    for (const block of blocks) {
      const type = block?.value['type']
      if (type === 'tool_use' || type === 'tool_result') expressible = false
      if (!block) continue
      const fitting = hasAudio(version) ? block : withoutAudio(block)
      messages.push(
        block === fitting && !Array.isArray(content)
          ? message
          : replaceMember(message, 'content', fitting.value, fitting.text),
      )
    }
    return messages.length === 1 && messages[0] ? messages[0] : messages
  })
  return expressible ? split : undefined
}
