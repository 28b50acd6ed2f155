/**
 * Results that list resources within: those which the tenant does not see are taken out of them. Pure.
 * [SEP-2640, Skills: `resources/directory/read`, and the `resources` of a skill]
 */
import { objectElements, objectMember, replaceMember } from '../protocol/json-edit.ts'
import type { RawObject } from '../protocol/json-text.ts'
import type { Translation } from './translation.ts'

/** The methods whose results, or entries, have resources in them, and where. */
const within: Readonly<Record<string, (raw: RawObject, sees: (uri: string) => boolean) => RawObject>> = {
  'resources/directory/read': withoutHidden,
  'skills/list': withoutHidden,
  'skills/get': (raw, sees) => {
    const skill = objectMember(raw, 'skill')
    const shown = skill && withoutHidden(skill, sees)
    return shown === undefined || shown === skill ? raw : replaceMember(raw, 'skill', shown.value, shown.text)
  },
}

/**
 * A translation that also takes out what is hidden; the given one for methods without resources in their results.
 * @param sees whether a resource is seen, by the URI that its member gives it
 */
export function shownResourcesAlone(
  translation: Translation | undefined,
  method: string,
  sees: (uri: string) => boolean,
): Translation | undefined {
  const shown = Object.hasOwn(within, method) ? within[method] : undefined
  if (!shown) return translation
  const same = (raw: RawObject): RawObject => raw
  return {
    entry: (of, raw) => (translation?.entry ?? last)(of, shown(raw, sees)),
    result: (of, raw) => (translation?.result ?? last)(of, shown(raw, sees)),
    error: translation?.error ?? same,
    params: translation?.params ?? last,
  }
}

function last(_method: string, raw: RawObject): RawObject {
  return raw
}

/** The object without those of its `resources` that are hidden, or have no URI by which that could be said. */
function withoutHidden(raw: RawObject, sees: (uri: string) => boolean): RawObject {
  const elements = objectElements(raw, 'resources')
  const shown = elements?.filter((one) => {
    const uri = one?.value['uri']
    return typeof uri === 'string' && sees(uri)
  })
  if (!elements || !shown || shown.length === elements.length) return raw
  const known = shown.filter((one) => one !== undefined)
  return replaceMember(
    raw,
    'resources',
    known.map(({ value }) => value),
    `[${known.map(({ text }) => text).join(',')}]`,
  )
}
