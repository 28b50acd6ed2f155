/**
 * Edits of nested members of a JSON object, in value and text at once: unchanged parts keep their exact text, and an object
 * without any change is returned itself.
 */
import {
  eachMember,
  elementTexts,
  isObject,
  type JsonValue,
  memberText,
  replaceMemberText,
  type RawObject,
} from './json-text.ts'

/** The object with one member replaced, or added, by a value whose text is known. */
export function replaceMember(raw: RawObject, key: string, value: JsonValue, text: string): RawObject {
  return { value: { ...raw.value, [key]: value }, text: replaceMemberText(raw.text, key, text) }
}

/** The object with added members. It must not have them yet, so its text need not be walked. */
export function addMembers(raw: RawObject, members: Readonly<Record<string, JsonValue>>): RawObject {
  const added = JSON.stringify(members).slice(1, -1)
  if (added === '') return raw
  const text = raw.text.trimEnd()
  const comma = Object.keys(raw.value).length === 0 ? '' : ','
  return { value: { ...raw.value, ...members }, text: `${text.slice(0, -1)}${comma}${added}}` }
}

/** The member as value and text, if it is an object. */
export function objectMember(raw: RawObject, key: string): RawObject | undefined {
  const value = raw.value[key]
  const text = isObject(value) ? memberText(raw.text, key) : undefined
  return isObject(value) && text !== undefined ? { value, text } : undefined
}

/** The objects in an array member, as value and text, with undefined for other elements; undefined if the member is not an array. */
export function objectElements(raw: RawObject, key: string): (RawObject | undefined)[] | undefined {
  const values = raw.value[key]
  const text = Array.isArray(values) ? memberText(raw.text, key) : undefined
  if (text === undefined) return undefined
  const texts = elementTexts(text)
  return (values as JsonValue[]).map((value, at) => (isObject(value) ? { value, text: texts[at] ?? '{}' } : undefined))
}

/**
 * The object with the first elements alone of one of its arrays, each with its exact text; the object itself if there are
 * no more. The text is a copy: a part of a long text keeps all of it in memory.
 */
export function firstElements(raw: RawObject, key: string, most: number): RawObject {
  const values = raw.value[key]
  if (!Array.isArray(values) || values.length <= most) return raw
  // One walk over the text, which is long.
  let elements = '[]'
  const members: string[] = []
  eachMember(raw.text, 0, (name, start, end) => {
    const text = raw.text.slice(start, end)
    if (name === key) elements = text
    else members.push(`${JSON.stringify(name)}:${text}`)
  })
  members.push(`${JSON.stringify(key)}:[${elementTexts(elements, most).join(',')}]`)
  const text = Buffer.from(`{${members.join(',')}}`).toString()
  return { value: { ...raw.value, [key]: values.slice(0, most) }, text }
}

/**
 * The object with each object in one of its arrays changed.
 * @param change returns its argument for no change, or several objects to replace one
 */
export function mapElements(
  raw: RawObject,
  key: string,
  change: (element: RawObject) => RawObject | readonly RawObject[],
): RawObject {
  const values = raw.value[key]
  if (!Array.isArray(values)) return raw
  const elements = objectElements(raw, key) ?? []
  const texts = elementTexts(memberText(raw.text, key) ?? '[]')
  const changedValues: JsonValue[] = []
  const changedTexts: string[] = []
  let isChanged = false
  elements.forEach((element, at) => {
    const changed = element && change(element)
    if (changed === undefined || changed === element) {
      changedValues.push((values as JsonValue[])[at] ?? null)
      changedTexts.push(texts[at] ?? 'null')
      return
    }
    isChanged = true
    for (const one of [changed].flat()) {
      changedValues.push(one.value)
      changedTexts.push(one.text)
    }
  })
  return isChanged ? replaceMember(raw, key, changedValues, `[${changedTexts.join(',')}]`) : raw
}

/**
 * The text of an object with the values of some members changed, all in their places.
 * @param change returns the text of a value, or another one to replace it
 */
export function mapMembers(text: string, change: (key: string, value: string) => string): string {
  const members: string[] = []
  let isChanged = false
  eachMember(text, 0, (key, start, end) => {
    const value = text.slice(start, end)
    const changed = change(key, value)
    isChanged ||= changed !== value
    members.push(`${JSON.stringify(key)}:${changed}`)
  })
  return isChanged ? `{${members.join(',')}}` : text
}
